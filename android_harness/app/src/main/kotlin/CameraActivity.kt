package org.pocketmatte.harness

import android.Manifest
import android.content.pm.ActivityInfo
import android.content.pm.PackageManager
import android.graphics.Bitmap
import android.os.Bundle
import android.view.ViewGroup
import android.view.WindowManager
import android.widget.FrameLayout
import android.widget.ImageView
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.lifecycle.ProcessCameraProvider
import java.util.concurrent.Executors
import org.pocketmatte.harness.core.Artifact
import org.pocketmatte.harness.core.Budget
import org.pocketmatte.harness.core.HarnessException
import org.pocketmatte.harness.core.LiveMatte
import org.pocketmatte.harness.core.LoadedProgram
import org.pocketmatte.harness.core.Manifest as BundleManifest
import org.pocketmatte.harness.core.UsageException
import org.pocketmatte.harness.core.composite
import org.pocketmatte.harness.core.decide
import org.pocketmatte.harness.core.foreign
import org.pocketmatte.harness.core.inside
import org.pocketmatte.harness.core.middle
import org.pocketmatte.harness.core.planesOf

private const val NETWORK = "rvm"
private const val BEHIND = 0x00a040 // the colour that the subject is laid over
private const val NANOS_PER_MS = 1_000_000
private val BUDGET = Budget(frameMs = 33.3, peakBytes = null, process = "app_foreground")

/** The camera, matted by the tier that this device's own results speak for, over a colour. */
class CameraActivity : ComponentActivity() {
    // All that touches the network runs here, one frame after the other.
    private val worker = Executors.newSingleThreadExecutor()
    private lateinit var picture: ImageView
    private lateinit var caption: TextView
    private var program: LoadedProgram? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        picture = ImageView(this)
        caption = TextView(this)
        val content = FrameLayout(this)
        val whole = ViewGroup.LayoutParams.MATCH_PARENT
        content.addView(picture, FrameLayout.LayoutParams(whole, whole))
        content.addView(caption)
        setContentView(content)
        if (checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED) {
            worker.execute(::prepare)
        } else {
            requestPermissions(arrayOf(Manifest.permission.CAMERA), 0)
        }
    }

    override fun onRequestPermissionsResult(
        requestCode: Int,
        permissions: Array<String>,
        grantResults: IntArray
    ) {
        super.onRequestPermissionsResult(requestCode, permissions, grantResults)
        if (grantResults.firstOrNull() == PackageManager.PERMISSION_GRANTED) {
            worker.execute(::prepare)
        } else {
            caption.text = "no camera without its permission"
        }
    }

    override fun onDestroy() {
        worker.execute { program?.close() }
        worker.shutdown()
        super.onDestroy()
    }

    private fun prepare() {
        try {
            val decision = decide(resultsFolder(this), NETWORK, BUDGET)
            val tier = decision.tier ?: throw UsageException(
                "no result of this device keeps ${BUDGET.frameMs} ms; run the benchmark of " +
                    "$NETWORK first. Ruled out: ${decision.ruledOut}"
            )
            val manifest = BundleManifest.read(bundleFolder(this))
            val artifact = manifest.of(tier.chosen, tier.orientation)[0]
            val engine = engine(artifact.format, tier.delegate, tier.threads)
            val loaded = foreign("${artifact.path} cannot be loaded") {
                engine.load(inside(bundleFolder(this), artifact.path), artifact)
            }
            program = loaded
            val live = LiveMatte(artifact, loaded)
            runOnUiThread { open(artifact, live) }
        } catch (error: HarnessException) {
            runOnUiThread { caption.text = error.message }
        }
    }

    private fun open(artifact: Artifact, live: LiveMatte) {
        requestedOrientation =
            if (artifact.orientation == "portrait") ActivityInfo.SCREEN_ORIENTATION_PORTRAIT
            else ActivityInfo.SCREEN_ORIENTATION_LANDSCAPE
        val coming = ProcessCameraProvider.getInstance(this)
        val bind = Runnable {
            val analysis = ImageAnalysis.Builder()
                .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
                .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
                .setOutputImageRotationEnabled(true)
                .build()
            analysis.setAnalyzer(worker, ImageAnalysis.Analyzer { show(it, artifact, live) })
            coming.get().bindToLifecycle(this, CameraSelector.DEFAULT_FRONT_CAMERA, analysis)
        }
        coming.addListener(bind, mainExecutor)
    }

    private fun show(image: ImageProxy, artifact: Artifact, live: LiveMatte) {
        try {
            val (height, width) = artifact.outputHw
            val began = System.nanoTime()
            val cut = fitted(image.toBitmap(), artifact.outputHw)
            val pixels = IntArray(width * height)
            cut.getPixels(pixels, 0, width, 0, 0, width, height)
            val matted = live.matte(planesOf(pixels))
            val shown = composite(matted.foreground, matted.alpha, BEHIND)
            val ms = (System.nanoTime() - began) / NANOS_PER_MS
            val bitmap = Bitmap.createBitmap(shown, width, height, Bitmap.Config.ARGB_8888)
            runOnUiThread {
                picture.setImageBitmap(bitmap)
                caption.text = "${artifact.path}: $ms ms"
            }
        } catch (error: HarnessException) {
            runOnUiThread { caption.text = error.message }
        } finally {
            image.close()
        }
    }

    private fun fitted(bitmap: Bitmap, toHw: List<Int>): Bitmap {
        val crop = middle(bitmap.width, bitmap.height, toHw)
        val cut = Bitmap.createBitmap(bitmap, crop.left, crop.top, crop.width, crop.height)
        return Bitmap.createScaledBitmap(cut, toHw[1], toHw[0], true)
    }
}
