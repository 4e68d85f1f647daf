package org.pocketmatte.harness.core

import kotlin.math.roundToLong

internal const val NANOS_PER_SECOND = 1e9
internal const val NANOS_PER_MS = 1e6
private const val SECONDS_BETWEEN_READINGS = 1.0

/** The thermal state and the battery in the course of a run. */
class Watch(
    private val clock: Clock,
    private val thermalProbe: ThermalProbe,
    private val batteryProbe: BatteryProbe
) {
    private val began = clock.nanos()
    private var readAt = Double.NEGATIVE_INFINITY

    val thermal = ArrayList<Heat>()
    val battery = ArrayList<Battery>()

    fun read() {
        readAt = seconds()
        thermal.add(Heat(readAt, thermalProbe.status(), thermalProbe.celsius()))
        battery.add(
            Battery(
                readAt, batteryProbe.percent(), batteryProbe.charging(), batteryProbe.lowPowerMode()
            )
        )
    }

    fun readWhenDue() {
        if (seconds() - readAt >= SECONDS_BETWEEN_READINGS) read()
    }

    private fun seconds() = (clock.nanos() - began) / NANOS_PER_SECOND
}

/** Plays whole frames against the clock: steps 3, 5 and 6 of the protocol. */
class Timing(
    steps: List<PreparedStep>,
    private val player: Player,
    private val clock: Clock,
    private val watch: Watch,
    private val plan: Plan,
    private val cancellation: Cancellation
) {
    private val frames: List<List<PreparedStep>> =
        steps.groupBy { it.step.frame }.toSortedMap().values.toList()
    private var next = 0

    /** What the first frame took; `null` before it was played. */
    var firstNanos: Long? = null
        private set

    /** Of whole frames, in order. */
    val frameNanos = ArrayList<Long>()

    /** Of each program's calls, in order. */
    val callNanos = HashMap<String, ArrayList<Long>>()

    /** What sampling has taken, in seconds; `null` before it began. */
    var seconds: Double? = null
        private set

    /** Resets the board and plays frame 0. */
    fun first() {
        player.reset()
        firstNanos = play(frames[0], null)
    }

    /** Plays frames that are not timed. */
    fun warmUp() {
        for (count in 1..plan.warmups) {
            cancellation.check()
            play(following(), null)
        }
    }

    /** Takes samples, at least one, until there are enough, over long enough, or time is up. */
    fun sample() {
        val began = clock.nanos()
        var elapsed = 0.0
        seconds = elapsed
        while (frameNanos.isEmpty() || elapsed < plan.limitSeconds &&
            (frameNanos.size < plan.runs || elapsed < plan.seconds)
        ) {
            cancellation.check()
            frameNanos.add(play(following(), callNanos))
            watch.readWhenDue()
            elapsed = (clock.nanos() - began) / NANOS_PER_SECOND
            seconds = elapsed
        }
    }

    /** Plays frames at the camera's rate; `null` where none is asked for. */
    fun sustain(): Sustained? {
        val framesPerSecond = plan.framesPerSecond ?: return null
        val period = NANOS_PER_SECOND / framesPerSecond
        val length = plan.sustainedSeconds * NANOS_PER_SECOND
        val taken = ArrayList<Long>()
        var late = 0
        val began = clock.nanos()
        while (taken.size * period < length && clock.nanos() - began < length) {
            cancellation.check()
            clock.sleepUntil(began + (taken.size * period).roundToLong())
            taken.add(play(following(), null))
            if (clock.nanos() - began > taken.size * period) late += 1
            watch.readWhenDue()
        }
        if (taken.isEmpty()) return null
        val lastQuarter = taken.takeLast((taken.size + 3) / 4) // at least one
        return Sustained(
            framesPerSecond = framesPerSecond,
            seconds = (clock.nanos() - began) / NANOS_PER_SECOND,
            frames = taken.size,
            late = late,
            ms = milliseconds(taken),
            lastQuarterP95Ms = milliseconds(lastQuarter).p95
        )
    }

    /** Plays frame after frame of the whole trace, timing nothing. */
    fun playThrough() {
        player.reset()
        for (frame in frames) {
            cancellation.check()
            play(frame, null)
        }
    }

    /** Frames 1 to the last, over and over; frame 0 where there is no other. */
    private fun following(): List<PreparedStep> {
        next = if (next + 1 < frames.size) next + 1 else minOf(1, frames.size - 1)
        return frames[next]
    }

    private fun play(frame: List<PreparedStep>, calls: HashMap<String, ArrayList<Long>>?): Long {
        val began = clock.nanos()
        val taken = LongArray(frame.size)
        for (index in frame.indices) taken[index] = player.free(frame[index]).nanos
        val nanos = clock.nanos() - began
        if (calls != null) {
            frame.forEachIndexed { index, prepared ->
                calls.getOrPut(prepared.step.program) { ArrayList() }.add(taken[index])
            }
        }
        return nanos
    }
}

/** Returns the statistics of nanoseconds, in milliseconds. */
fun milliseconds(nanos: List<Long>): Statistics = statistics(nanos.map { it / NANOS_PER_MS })
