package org.pocketmatte.harness.core

import java.io.Closeable

const val CALIBRATION_WARMUPS = 5
const val CALIBRATION_LEAST_RUNS = 30
const val CALIBRATION_LEAST_SECONDS = 2.0
const val CALIBRATION_LIMIT_SECONDS = 6.0 // of each tier that is tried, and there are at most two
private const val WARMEST = 1 // light; Apple's fair

// A higher tier is tried where this one takes no more of the budget, and taken where that one takes
// no more: what lies between and the whole budget is kept, so that noise moves nothing.
private const val TRIED_BELOW = 0.7
private const val TAKEN_BELOW = 0.85

/** How a short run ended. */
enum class Ended { DONE, CANCELLED, FAILED }

/**
 * What a short run of one tier came to.
 *
 * @property debuggable whether the app is a debug build; `null` where nobody can tell.
 * @property runs frames after the warm-up, and [seconds] what they took together.
 * @property hottest of all thermal states, from before it to after it; `null` without one.
 * @property p95Ms of whole frames; `null` where there is none.
 */
data class Trial(
    val ended: Ended,
    val physicalDevice: Boolean,
    val debuggable: Boolean?,
    val runs: Int,
    val seconds: Double,
    val hottest: Int?,
    val p95Ms: Double?
)

/**
 * What a calibration comes to.
 *
 * @property at place of the tier to run.
 * @property why a reason of docs/on-device.md.
 * @property valid whether it says anything; where not, [at] is what it was.
 */
data class Calibrated(val at: Int, val why: String, val valid: Boolean)

/** Says whether the next higher tier is to be tried too. */
fun triesHigher(held: Int, at: Int, limitMs: Double?, own: Trial): Boolean {
    val p95Ms = finite(own)
    if (limitMs == null || p95Ms == null || invalid(own) != null || at + 1 >= held) return false
    return own.hottest != null && p95Ms <= TRIED_BELOW * limitMs
}

/** Returns which tier to run: the one at [at] that was taken, or the one beside it. */
fun calibrated(held: Int, at: Int, limitMs: Double?, own: Trial, higher: Trial?): Calibrated {
    if (limitMs == null) return Calibrated(at, "no_budget", false)
    val wrong = invalid(own)
    if (wrong != null) return Calibrated(at, wrong, false)
    val ownMs = finite(own) ?: return Calibrated(at, "not_measured", false)
    if (ownMs > limitMs) {
        return if (at > 0) Calibrated(at - 1, "too_slow", true)
        else Calibrated(at, "lowest_held", true)
    }
    if (higher == null || !triesHigher(held, at, limitMs, own)) {
        return Calibrated(at, "kept", true)
    }
    val higherWrong = invalid(higher)
    if (higherWrong != null) return Calibrated(at, higherWrong, false)
    val higherMs = finite(higher) ?: return Calibrated(at, "not_measured", false)
    val kept = higher.hottest == null || higherMs > TAKEN_BELOW * limitMs
    return if (kept) Calibrated(at, "kept", true) else Calibrated(at + 1, "faster", true)
}

private fun finite(trial: Trial) = trial.p95Ms?.takeIf { !it.isNaN() && !it.isInfinite() }

/** Returns the first reason why a run says nothing. */
private fun invalid(trial: Trial): String? = when {
    !trial.physicalDevice -> "not_physical"
    trial.debuggable == true -> "not_debuggable"
    trial.ended == Ended.CANCELLED -> "cancelled"
    trial.ended == Ended.FAILED -> "failed"
    trial.hottest != null && trial.hottest > WARMEST -> "thermal_ok"
    trial.runs < CALIBRATION_LEAST_RUNS -> "min_runs_met"
    !(trial.seconds >= CALIBRATION_LEAST_SECONDS) -> "min_seconds_met"
    else -> null
}

/** A tier that was opened, its states as before a first frame. One thread uses it. */
interface FramePlayer : Closeable {
    /** Plays one whole frame: every call that it takes. */
    fun frame()
}

/**
 * Calibrates on this device: at most two short runs, never on the main thread.
 *
 * @property onMainThread says whether the calling thread is the one that must not wait.
 * @property open opens a tier; what it throws ends the run as failed.
 */
class Calibration(
    private val host: CalibrationHost,
    private val cancellation: Cancellation,
    private val onMainThread: () -> Boolean,
    private val open: (HeldStep) -> FramePlayer
) {
    /** Runs what was taken, and the tier above where there is room for it. */
    fun run(decision: DeviceDecision): Calibrated {
        if (onMainThread()) {
            throw UsageException("a calibration takes seconds; run it on another thread")
        }
        val at = decision.require()
        val held = decision.steps.size
        val limitMs = decision.frameMs ?: return Calibrated(at, "no_budget", false)
        val own = attempt(decision.steps[at])
        val higher =
            if (triesHigher(held, at, limitMs, own)) attempt(decision.steps[at + 1]) else null
        return calibrated(held, at, limitMs, own, higher)
    }

    private fun attempt(step: HeldStep): Trial {
        val timed = ShortRun(host.clock, host.thermal, cancellation)
        var ended = Ended.DONE
        try {
            val player = foreign("${step.tier} cannot be opened") { open(step) }
            player.use { foreign("${step.tier} gave up") { timed.play(it) } }
        } catch (cancelled: RunCancelledException) {
            ended = Ended.CANCELLED
        } catch (error: HarnessException) {
            ended = Ended.FAILED
        }
        return timed.trial(ended, host)
    }
}

/** What a calibration needs of where it runs. */
class CalibrationHost(
    val clock: Clock,
    val thermal: ThermalProbe,
    val physical: Boolean,
    val debuggable: Boolean?
)

/** Frames against the clock: warm-up, then until there are enough, it is warm, or time is up. */
private class ShortRun(
    private val clock: Clock,
    private val thermal: ThermalProbe,
    private val cancellation: Cancellation
) {
    private val nanos = ArrayList<Long>()
    private var seconds = 0.0
    private var hottest: Int? = null
    private var readNanos = 0L

    fun play(player: FramePlayer) {
        val begun = clock.nanos()
        read()
        var count = 0
        while (count < CALIBRATION_WARMUPS && goesOn(begun)) {
            player.frame()
            count += 1
        }
        val timed = clock.nanos()
        while (goesOn(begun) && !enough()) {
            val before = clock.nanos()
            player.frame()
            nanos.add(clock.nanos() - before)
            seconds = (clock.nanos() - timed) / NANOS_PER_SECOND
        }
        read()
    }

    fun trial(ended: Ended, host: CalibrationHost) = Trial(
        ended = ended,
        physicalDevice = host.physical,
        debuggable = host.debuggable,
        runs = nanos.size,
        seconds = seconds,
        hottest = hottest,
        p95Ms = if (nanos.isEmpty()) null else milliseconds(nanos).p95
    )

    private fun enough() =
        nanos.size >= CALIBRATION_LEAST_RUNS && seconds >= CALIBRATION_LEAST_SECONDS

    private fun goesOn(begun: Long): Boolean {
        cancellation.check()
        if (clock.nanos() - readNanos >= NANOS_PER_SECOND) read()
        val warm = hottest
        val late = (clock.nanos() - begun) / NANOS_PER_SECOND >= CALIBRATION_LIMIT_SECONDS
        return !late && (warm == null || warm <= WARMEST)
    }

    private fun read() {
        readNanos = clock.nanos()
        val status = thermal.status() ?: return
        hottest = maxOf(status, hottest ?: status)
    }
}
