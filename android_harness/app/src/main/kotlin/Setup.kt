package org.pocketmatte.harness

import android.content.Context
import java.io.File
import org.pocketmatte.harness.core.Engine
import org.pocketmatte.harness.core.HarnessException
import org.pocketmatte.harness.core.HighWaterMark
import org.pocketmatte.harness.core.Host
import org.pocketmatte.harness.core.SystemClock
import org.pocketmatte.harness.core.Tool
import org.pocketmatte.harness.core.UsageException
import org.pocketmatte.harness.executorch.ExecuTorchEngine
import org.pocketmatte.harness.ort.OrtEngine
import org.pocketmatte.harness.probes.AndroidBattery
import org.pocketmatte.harness.probes.AndroidThermal
import org.pocketmatte.harness.probes.deviceFacts
import org.pocketmatte.harness.probes.isDebuggable

/**
 * The app's files: of a debug build those that `run-as` reaches, of any other, which `run-as`
 * refuses, those on shared storage.
 */
fun home(context: Context): File =
    if (isDebuggable(context)) context.filesDir
    else context.getExternalFilesDir(null)
        ?: throw HarnessException("shared storage is not mounted; unlock the device")

/** Where a bundle lies, with its traces. */
fun bundleFolder(context: Context) = File(home(context), "bundle")

/** Where results are written. */
fun resultsFolder(context: Context) = File(home(context), "results")

/** Returns the runtime of a format, for the one delegate that this app has for it. */
fun engine(format: String, delegate: String, threads: Int): Engine = when ("$format $delegate") {
    "onnx cpu" -> OrtEngine(threads, BuildConfig.ONNXRUNTIME)
    "executorch xnnpack" -> ExecuTorchEngine(threads, BuildConfig.EXECUTORCH)
    else -> throw UsageException(
        "$format is not run by $delegate here; this app runs onnx by cpu, executorch by xnnpack"
    )
}

/** Returns what a run needs to know of this device and this app. */
fun host(context: Context, engine: Engine) = Host(
    tool = Tool("android_harness", BuildConfig.VERSION_NAME),
    device = deviceFacts(context),
    process = "app_foreground",
    debuggable = isDebuggable(context),
    engine = engine,
    clock = SystemClock(),
    thermal = AndroidThermal(context),
    battery = AndroidBattery(context),
    memory = HighWaterMark()
)
