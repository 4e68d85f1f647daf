package org.pocketmatte.harness

import android.content.Context
import android.os.Looper
import java.io.File
import org.pocketmatte.harness.core.Artifact
import org.pocketmatte.harness.core.Budget
import org.pocketmatte.harness.core.BundleException
import org.pocketmatte.harness.core.Calibration
import org.pocketmatte.harness.core.CalibrationHost
import org.pocketmatte.harness.core.Cancellation
import org.pocketmatte.harness.core.FramePlayer
import org.pocketmatte.harness.core.HeldFile
import org.pocketmatte.harness.core.HeldStep
import org.pocketmatte.harness.core.LiveMatte
import org.pocketmatte.harness.core.LoadedProgram
import org.pocketmatte.harness.core.Manifest
import org.pocketmatte.harness.core.OnDevice
import org.pocketmatte.harness.core.Stepper
import org.pocketmatte.harness.core.SystemClock
import org.pocketmatte.harness.core.UsageException
import org.pocketmatte.harness.core.decide
import org.pocketmatte.harness.core.elements
import org.pocketmatte.harness.core.inside
import org.pocketmatte.harness.core.launchPlace
import org.pocketmatte.harness.probes.AndroidThermal
import org.pocketmatte.harness.probes.calibrationKey
import org.pocketmatte.harness.probes.deviceFacts
import org.pocketmatte.harness.probes.isDebuggable
import org.pocketmatte.harness.probes.selfFacts

private const val NETWORK = "rvm"
private const val THREADS = 4 // as many large cores as a phone has
private const val GREY = 0.5f
private val BUDGET = Budget(frameMs = 33.3, peakBytes = null, process = "app_foreground")

/** One tier of a network of one program, open for frames. */
class LiveTier(val artifact: Artifact, private val loaded: LoadedProgram) : FramePlayer {
    val live = LiveMatte(artifact, loaded)
    private val still =
        FloatArray(elements(artifact.inputs.first { it.name == "frame" }.shape)) { GREY }

    override fun frame() {
        live.matte(still)
    }

    override fun close() = loaded.close()
}

/**
 * Returns what is chosen for this device, ready for frames; not for the main thread.
 *
 * By the bundle's lock where there is one, else by the results that this device wrote.
 */
fun chosen(context: Context, cancellation: Cancellation): Stepper<LiveTier> =
    if (File(bundleFolder(context), "tiers.lock.json").isFile) byLock(context, cancellation)
    else byResults(context)

private fun byLock(context: Context, cancellation: Cancellation): Stepper<LiveTier> {
    val held = OnDevice.read(bundleFolder(context))
    val decision = held.decide(selfFacts(context), NETWORK)
    val open = { step: HeldStep -> tier(context, step, decision.delegate, THREADS) }
    val thermal = AndroidThermal(context)
    val clock = SystemClock()
    val physical = !deviceFacts(context).emulator
    val host = CalibrationHost(clock, thermal, physical, isDebuggable(context))
    val main = { Looper.getMainLooper().isCurrentThread }
    val place = launchPlace(
        decision,
        File(context.filesDir, "calibration.json"),
        calibrationKey(context, held, BuildConfig.VERSION_NAME),
        Calibration(host, cancellation, main, open)
    )
    cancellation.check()
    return Stepper(decision.steps, place, decision.frameMs, clock, thermal.status(), open)
}

private fun byResults(context: Context): Stepper<LiveTier> {
    val decision = decide(resultsFolder(context), NETWORK, BUDGET)
    val found = decision.tier ?: throw UsageException(
        "no result of this device keeps ${BUDGET.frameMs} ms; run the benchmark of " +
            "$NETWORK first. Ruled out: ${decision.ruledOut}"
    )
    val files = Manifest.read(bundleFolder(context)).of(found.chosen, found.orientation)
        .map { HeldFile(it.path, it.program, it.sha256, it.sizeBytes) }
    val (_, tier, format, recipe) = found.chosen
    return Stepper(
        listOf(HeldStep(tier, format, recipe, files)), 0, BUDGET.frameMs, SystemClock(), null
    ) { tier(context, it, found.delegate, found.threads) }
}

private fun tier(context: Context, step: HeldStep, delegate: String?, threads: Int): LiveTier {
    val root = bundleFolder(context)
    val path = step.files.first().path
    val artifact = Manifest.read(root).artifacts.firstOrNull { it.path == path }
        ?: throw BundleException("manifest.json has no $path; bring the bundle again")
    val usual = if (step.format == "onnx") "cpu" else "xnnpack"
    val engine = engine(step.format, delegate ?: usual, threads)
    return LiveTier(artifact, engine.load(inside(root, path), artifact))
}
