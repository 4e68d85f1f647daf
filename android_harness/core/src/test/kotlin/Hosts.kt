package org.pocketmatte.harness.core

import java.io.File

const val MIX_NANOS = 5_000_000L
const val TONE_NANOS = 2_000_000L

/** A clock that moves only when something takes time. */
class HandClock : Clock {
    private var now = 1_000_000_007L

    fun pass(nanos: Long) {
        now += nanos
    }

    override fun nanos() = now

    override fun sleepUntil(nanos: Long) {
        now = maxOf(now, nanos)
    }

    override fun utc() = "2026-01-31T12:00:00Z"
}

/**
 * A runtime of the vectors' network, which a line computes.
 *
 * @property spoil takes a program's name, the number of its call and its outputs, and returns what
 *     it gives instead.
 */
class LineEngine(
    private val clock: HandClock,
    private val delegate: String? = "xnnpack",
    private val closing: () -> Unit = {},
    private val spoil: (String, Int, List<FloatArray>) -> List<FloatArray> = { _, _, it -> it }
) : Engine {
    override val runtime = "line"
    override val runtimeVersion: String? = null
    val calls = ArrayList<String>()
    var loads = 0
    var open = 0

    override fun load(file: File, artifact: Artifact): LoadedProgram {
        clock.pass(3_000_000)
        loads += 1
        open += 1
        return Line(file.readText())
    }

    private inner class Line(private val program: String) : LoadedProgram {
        override val delegate = this@LineEngine.delegate

        override fun call(inputs: List<FloatArray>): List<FloatArray> {
            calls.add(program)
            val (first, second) = inputs
            val outputs = if (program == "mix") {
                clock.pass(MIX_NANOS)
                val alpha = FloatArray(first.size) { first[it] / 2 + second[it] / 4 }
                listOf(alpha, alpha.copyOf())
            } else {
                clock.pass(TONE_NANOS)
                listOf(FloatArray(first.size) { 8 * first[it] + second[it] })
            }
            return spoil(program, calls.count { it == program }, outputs)
        }

        override fun close() {
            open -= 1
            closing()
        }
    }
}

/** Probes that give what they are told. */
class ToldProbes(var heat: Int? = 0) : ThermalProbe, BatteryProbe, MemoryProbe {
    var resets = 0

    override fun status() = heat

    override fun celsius(): Double? = null

    override fun percent(): Double? = 80.0

    override fun charging(): Boolean? = false

    override fun lowPowerMode(): Boolean? = null

    override fun reset() {
        resets += 1
    }

    override fun peak() = PeakMemory(1234, "told")
}

/** A phone, or what else `process` and `emulator` make of it. */
fun host(
    engine: Engine,
    clock: Clock,
    probes: ToldProbes = ToldProbes(),
    process: String = "app_foreground",
    emulator: Boolean = false,
    debuggable: Boolean? = false
) = Host(
    tool = Tool("android_harness", "0"),
    device = DeviceFacts(
        "android", "m", "p", null, "16", 36, "arm64-v8a", null, 8, 8L shl 30, null, emulator
    ),
    process = process,
    debuggable = debuggable,
    engine = engine,
    clock = clock,
    thermal = probes,
    battery = probes,
    memory = probes
)

/** A request of a few frames. */
fun request(
    bundle: TestBundle,
    runs: Int = 4,
    seconds: Double = 0.0,
    limitSeconds: Double = 100.0,
    framesPerSecond: Double? = null,
    sustainedSeconds: Double = 0.0
) = Request(
    runId = "run-1",
    subject = bundle.subject,
    orientation = null,
    delegate = "xnnpack",
    threads = 1,
    plan = Plan(1, runs, seconds, limitSeconds, framesPerSecond, sustainedSeconds)
)
