package org.pocketmatte.harness.core

private const val SEVERE = 3 // Android's; Apple's serious
private const val CRITICAL = 4
private const val WARMEST_CALM = 1 // light; Apple's fair
private const val TROUBLE_MS = 5_000L // that trouble lasts before it counts
private const val DOWN_DWELL_MS = 10_000L // from one change to a step down
private const val UP_DWELL_MS = 120_000L // from one change to a step up
private const val CALM_MS = 60_000L // that a calm lasts before a step up; doubled by each relapse
private const val MOST_CALM_MS = 960_000L
private const val RELAPSE_MS = 300_000L // a step down so soon after one up is a relapse
private const val GAP_MS = 5_000L // without an event what lasted begins anew
private const val WINDOW_MS = 2_000L // over which frames are judged together
private const val LEAST_FRAMES = 4 // of a window that says anything

// A quarter of the frames is what an eye sees as stutter; the budget itself is a 95th percentile.
private const val LATE_ONE_IN = 4
private const val TIMELY_ONE_IN = 20

/** What is said of a window of frames. */
enum class Pace { UNKNOWN, TIMELY, BETWEEN, LATE }

/** The way of the change before. */
enum class Way { NONE, UP, DOWN }

/**
 * What does not change while an app runs.
 *
 * @property ceiling place of the tier that was chosen: nothing above it is run, 0 is the lowest.
 * @property limitMs budget of a frame; `null` where there is none, and no frame is late.
 */
data class StepRules(val ceiling: Int, val limitMs: Double?)

/**
 * Where the machine stands; see docs/on-device.md.
 *
 * @property at place of the tier that runs, since [changedMs].
 * @property neededMs how long a calm must last for a step up.
 */
data class StepState(
    val at: Int,
    val changedMs: Long,
    val nowMs: Long,
    val last: Way = Way.NONE,
    val status: Int? = null,
    val troubleMs: Long? = null,
    val calmMs: Long? = null,
    val neededMs: Long = CALM_MS,
    val windowMs: Long? = null,
    val frames: Int = 0,
    val late: Int = 0,
    val pace: Pace = Pace.UNKNOWN
) {
    /** Returns the state after the platform said how warm it is: 0 none to 6 shutdown. */
    fun warmed(rules: StepRules, atMs: Long, status: Int?): StepState =
        at(atMs).copy(status = status).judged().moved(rules)

    /** Returns the state after a frame that took [frameMs]. */
    fun played(rules: StepRules, atMs: Long, frameMs: Double): StepState =
        at(atMs).counted(rules, frameMs).judged().moved(rules)

    /** Returns the state of an app that could not open a tier, and still runs that at [place]. */
    fun resumed(rules: StepRules, atMs: Long, place: Int): StepState {
        val now = maxOf(atMs, nowMs)
        return forgotten().copy(at = minOf(place, rules.ceiling), changedMs = now, nowMs = now)
    }

    /** An event from before the last counts as of the same time. */
    private fun at(atMs: Long): StepState {
        val now = maxOf(atMs, nowMs)
        return (if (now - nowMs > GAP_MS) forgotten() else this).copy(nowMs = now)
    }

    /** Returns a state that knows nothing of what lasted. */
    private fun forgotten() = copy(
        troubleMs = null, calmMs = null, windowMs = null, frames = 0, late = 0, pace = Pace.UNKNOWN
    )

    private fun counted(rules: StepRules, frameMs: Double): StepState {
        val isLate = rules.limitMs != null && frameMs > rules.limitMs
        val begun = windowMs ?: nowMs
        val lateNow = late + (if (isLate) 1 else 0)
        return if (nowMs - begun < WINDOW_MS) {
            copy(windowMs = begun, frames = frames + 1, late = lateNow)
        } else {
            copy(windowMs = nowMs, frames = 0, late = 0, pace = paceOf(frames + 1, lateNow))
        }
    }

    private fun judged(): StepState {
        val warm = status ?: 0
        val trouble = warm >= SEVERE || pace == Pace.LATE
        val calm = !trouble && warm <= WARMEST_CALM && pace == Pace.TIMELY
        return copy(
            troubleMs = if (trouble) troubleMs ?: nowMs else null,
            calmMs = if (calm) calmMs ?: nowMs else null
        )
    }

    private fun moved(rules: StepRules): StepState {
        val ran = nowMs - changedMs
        if (troubleMs != null) {
            val patience = if ((status ?: 0) >= CRITICAL) 0L else TROUBLE_MS
            if (nowMs - troubleMs >= patience && ran >= DOWN_DWELL_MS && at > 0) return down(ran)
        }
        if (calmMs != null && nowMs - calmMs >= neededMs && ran >= UP_DWELL_MS) {
            if (at < rules.ceiling) return changed(at + 1, Way.UP, neededMs)
        }
        return this
    }

    private fun down(ran: Long): StepState {
        val needed = when {
            last == Way.UP && ran <= RELAPSE_MS -> minOf(2 * neededMs, MOST_CALM_MS)
            last == Way.DOWN -> neededMs
            else -> CALM_MS
        }
        return changed(at - 1, Way.DOWN, needed)
    }

    private fun changed(place: Int, way: Way, needed: Long) =
        forgotten().copy(at = place, changedMs = nowMs, last = way, neededMs = needed)

    companion object {
        /** Returns the state of an app that begins to run what was chosen. */
        fun started(rules: StepRules, atMs: Long, status: Int?) =
            StepState(at = rules.ceiling, changedMs = atMs, nowMs = atMs, status = status)
    }
}

private fun paceOf(frames: Int, late: Int): Pace = when {
    // A tier so slow that few frames end in a window is late, not unknown.
    frames < LEAST_FRAMES -> if (late * 2 > frames) Pace.LATE else Pace.UNKNOWN
    late * LATE_ONE_IN >= frames -> Pace.LATE
    late * TIMELY_ONE_IN <= frames -> Pace.TIMELY
    else -> Pace.BETWEEN
}
