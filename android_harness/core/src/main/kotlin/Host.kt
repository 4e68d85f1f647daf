package org.pocketmatte.harness.core

import java.io.Closeable
import java.io.File

/** A program, loaded. Only one thread calls it. */
interface LoadedProgram : Closeable {
    /** What runs it, in the words of a request; `null` where the runtime does not say. */
    val delegate: String?

    /** Takes and gives tensors in the order of the artifact; leaves what it takes as it is. */
    fun call(inputs: List<FloatArray>): List<FloatArray>
}

/** A runtime, set up with a delegate and a number of threads. */
interface Engine {
    val runtime: String
    val runtimeVersion: String?

    fun load(file: File, artifact: Artifact): LoadedProgram
}

/** Time. Nanoseconds are monotonic, of an origin of their own. */
interface Clock {
    fun nanos(): Long

    fun sleepUntil(nanos: Long)

    /** Now, as `2026-01-31T12:00:00Z`. */
    fun utc(): String
}

/** The thermal state: 0 none to 6 shutdown. */
interface ThermalProbe {
    fun status(): Int?

    fun celsius(): Double?
}

/** The battery. */
interface BatteryProbe {
    fun percent(): Double?

    fun charging(): Boolean?

    fun lowPowerMode(): Boolean?
}

/** The most memory that this process has had since the last reset. */
interface MemoryProbe {
    fun reset()

    fun peak(): PeakMemory?
}

/**
 * All that a run needs of where it runs.
 *
 * @property process `app_foreground`, `host` or another of the protocol's.
 * @property debuggable whether the app is a debug build; `null` of what is no app.
 */
class Host(
    val tool: Tool,
    val device: DeviceFacts,
    val process: String,
    val debuggable: Boolean?,
    val engine: Engine,
    val clock: Clock,
    val thermal: ThermalProbe,
    val battery: BatteryProbe,
    val memory: MemoryProbe
) {
    /** A phone or tablet, and a process on it. */
    val physical: Boolean
        get() = !device.emulator && (process == "app_foreground" || process == "adb_shell")
}

/** Lets another thread call a run off. */
class Cancellation {
    @Volatile
    private var requested = false

    fun request() {
        requested = true
    }

    /** Throws where the run was called off. */
    fun check() {
        if (requested) throw RunCancelledException()
    }
}
