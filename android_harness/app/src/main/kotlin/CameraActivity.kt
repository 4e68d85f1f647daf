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
import org.pocketmatte.harness.core.Cancellation
import org.pocketmatte.harness.core.HarnessException
import org.pocketmatte.harness.core.Stepper
import org.pocketmatte.harness.core.composite
import org.pocketmatte.harness.core.middle
import org.pocketmatte.harness.core.planesOf
import org.pocketmatte.harness.probes.ThermalChanges

private const val BEHIND = 0x00a040 // the colour that the subject is laid over
private const val NANOS_PER_MS = 1_000_000

/** The camera, over a colour, matted by the tier that is chosen for this device. */
class CameraActivity : ComponentActivity() {
    // All that touches the network runs here, one frame after the other.
    private val worker = Executors.newSingleThreadExecutor()
    private lateinit var picture: ImageView
    private lateinit var caption: TextView
    private val cancellation = Cancellation()
    private var stepper: Stepper<LiveTier>? = null
    private var changes: ThermalChanges? = null

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
        cancellation.request()
        worker.execute {
            changes?.close()
            stepper?.close()
        }
        worker.shutdown()
        super.onDestroy()
    }

    private fun prepare() {
        try {
            val stepper = chosen(this, cancellation)
            this.stepper = stepper
            changes = ThermalChanges(this, stepper::warmed)
            val orientation = stepper.look { it.artifact.orientation }
            runOnUiThread { open(orientation, stepper) }
        } catch (error: HarnessException) {
            runOnUiThread { caption.text = error.message }
        }
    }

    private fun open(orientation: String, stepper: Stepper<LiveTier>) {
        requestedOrientation =
            if (orientation == "portrait") ActivityInfo.SCREEN_ORIENTATION_PORTRAIT
            else ActivityInfo.SCREEN_ORIENTATION_LANDSCAPE
        val coming = ProcessCameraProvider.getInstance(this)
        val bind = Runnable {
            val analysis = ImageAnalysis.Builder()
                .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
                .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
                .setOutputImageRotationEnabled(true)
                .build()
            analysis.setAnalyzer(worker, ImageAnalysis.Analyzer { show(it, stepper) })
            coming.get().bindToLifecycle(this, CameraSelector.DEFAULT_FRONT_CAMERA, analysis)
        }
        coming.addListener(bind, mainExecutor)
    }

    private fun show(image: ImageProxy, stepper: Stepper<LiveTier>) {
        try {
            val began = System.nanoTime()
            val bitmap = stepper.frame { tier, _ -> matted(image, tier) }
            val ms = (System.nanoTime() - began) / NANOS_PER_MS
            val said = "${stepper.step.tier} ${stepper.step.recipe}: $ms ms"
            runOnUiThread {
                picture.setImageBitmap(bitmap)
                caption.text = said
            }
        } catch (error: HarnessException) {
            runOnUiThread { caption.text = error.message }
        } finally {
            image.close()
        }
    }

    private fun matted(image: ImageProxy, tier: LiveTier): Bitmap {
        val (height, width) = tier.artifact.outputHw
        val cut = fitted(image.toBitmap(), tier.artifact.outputHw)
        val pixels = IntArray(width * height)
        cut.getPixels(pixels, 0, width, 0, 0, width, height)
        val matted = tier.live.matte(planesOf(pixels))
        val shown = composite(matted.foreground, matted.alpha, BEHIND)
        return Bitmap.createBitmap(shown, width, height, Bitmap.Config.ARGB_8888)
    }

    private fun fitted(bitmap: Bitmap, toHw: List<Int>): Bitmap {
        val crop = middle(bitmap.width, bitmap.height, toHw)
        val cut = Bitmap.createBitmap(bitmap, crop.left, crop.top, crop.width, crop.height)
        return Bitmap.createScaledBitmap(cut, toHw[1], toHw[0], true)
    }
}
