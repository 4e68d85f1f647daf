package org.pocketmatte.harness.core

import java.io.Closeable

private const val NANOS_IN_MS = 1_000_000L

/**
 * Runs frames with the tier that the device can keep, and changes it under way.
 *
 * A model lives as long as its tier runs: states and memories of frames before are of one tier's
 * shapes and weights, so they end with it. [frame] says which is the first frame of a model; an app
 * whose network was given masks gives them again then.
 *
 * One thread calls [frame] and [close]; any thread [warmed].
 *
 * @param at place of the tier to begin with, which is never exceeded.
 * @param open opens a tier, its states at their reset values.
 */
class Stepper<M : Closeable>(
    private val steps: List<HeldStep>,
    at: Int,
    limitMs: Double?,
    private val clock: Clock,
    status: Int?,
    private val open: (HeldStep) -> M
) : Closeable {
    private val rules = StepRules(at, limitMs)
    private var state = StepState.started(rules, nowMs(), status)
    private var model: M = open(steps[at])
    private var fresh = true

    @Volatile
    private var told: Told = Told(status)
    private var heard = told

    /** The tier that runs. */
    var step: HeldStep = steps[at]
        private set

    /** Why the last change did not come about; `null` where it did. */
    var refused: String? = null
        private set

    private class Told(val status: Int?)

    /** Takes the platform's thermal status, 0 to 6; it counts from the next frame on. */
    fun warmed(status: Int?) {
        told = Told(status)
    }

    /** Does one whole frame's [work] with the model of the tier that runs; times it. */
    fun <T> frame(work: (M, Boolean) -> T): T {
        change()
        val begun = clock.nanos()
        val given = work(model, fresh)
        val ended = clock.nanos()
        fresh = false
        val tookMs = (ended - begun) / NANOS_PER_MS
        state = state.played(rules, ended / NANOS_IN_MS, tookMs)
        return given
    }

    /** Reads something of the model that runs; no frame. */
    fun <T> look(read: (M) -> T): T = read(model)

    override fun close() = model.close()

    /** Brings the model to where the machine is; where that fails the one there is goes on. */
    private fun change() {
        val last = told
        if (last !== heard) {
            heard = last
            state = state.warmed(rules, nowMs(), last.status)
        }
        val wanted = steps[state.at]
        if (wanted == step) return
        val before = model
        try {
            model = foreign("${wanted.tier} cannot be opened") { open(wanted) }
        } catch (error: HarnessException) {
            refused = error.message
            state = state.resumed(rules, nowMs(), steps.indexOf(step))
            return
        }
        refused = null
        step = wanted
        fresh = true
        before.close()
    }

    private fun nowMs() = clock.nanos() / NANOS_IN_MS
}
