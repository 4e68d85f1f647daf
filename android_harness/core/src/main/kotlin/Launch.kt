package org.pocketmatte.harness.core

import java.io.File

/**
 * Returns the place of the tier to begin with: what is remembered, else what a calibration finds.
 *
 * Not for the main thread. Where [remembered] cannot be written, the next launch calibrates anew.
 */
fun launchPlace(
    decision: DeviceDecision,
    remembered: File,
    key: CalibrationKey,
    calibration: Calibration
): Int {
    val memory = CalibrationMemory.read(remembered, key)
    memory.remembered(decision)?.let { return it }
    if (decision.frameMs == null || !memory.isDue(decision)) return decision.require()
    val found = calibration.run(decision)
    try {
        memory.noted(decision, found).write(remembered)
    } catch (error: HarnessException) {
        return found.at
    }
    return found.at
}
