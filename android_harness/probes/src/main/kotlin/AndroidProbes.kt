package org.pocketmatte.harness.probes

import android.app.ActivityManager
import android.content.Context
import android.content.pm.ApplicationInfo
import android.os.BatteryManager
import android.os.Build
import android.os.PowerManager
import java.io.Closeable
import org.pocketmatte.harness.core.BatteryProbe
import org.pocketmatte.harness.core.CalibrationKey
import org.pocketmatte.harness.core.DeviceFacts
import org.pocketmatte.harness.core.Facts
import org.pocketmatte.harness.core.OnDevice
import org.pocketmatte.harness.core.ThermalProbe
import org.pocketmatte.harness.core.isEmulator

/** The thermal status, which Android tells since API 29; it tells an app no temperature. */
class AndroidThermal(context: Context) : ThermalProbe {
    private val power = service(context, PowerManager::class.java)

    override fun status(): Int? =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) power.currentThermalStatus else null

    override fun celsius(): Double? = null
}

/** Tells of every change of the thermal status, until it is closed; of none before API 29. */
class ThermalChanges(context: Context, told: (Int?) -> Unit) : Closeable {
    private val power = service(context, PowerManager::class.java)
    private val listener =
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) null
        else PowerManager.OnThermalStatusChangedListener { told(it) }

    init {
        listener?.let { power.addThermalStatusListener(it) }
    }

    override fun close() {
        listener?.let { power.removeThermalStatusListener(it) }
    }
}

/** The battery, as the system sees it. */
class AndroidBattery(context: Context) : BatteryProbe {
    private val battery = service(context, BatteryManager::class.java)
    private val power = service(context, PowerManager::class.java)

    override fun percent(): Double? {
        val percent = battery.getIntProperty(BatteryManager.BATTERY_PROPERTY_CAPACITY)
        return if (percent in 0..100) percent.toDouble() else null // the least Int: not known
    }

    override fun charging(): Boolean? = battery.isCharging

    override fun lowPowerMode(): Boolean? = power.isPowerSaveMode
}

private fun <T : Any> service(context: Context, type: Class<T>): T =
    checkNotNull(context.getSystemService(type)) { "this device has no ${type.simpleName}" }

/** Says whether the app is a debug build, whose latencies are worth nothing. */
fun isDebuggable(context: Context): Boolean =
    context.applicationInfo.flags and ApplicationInfo.FLAG_DEBUGGABLE != 0

/** Returns what a choice on the device goes by. */
fun selfFacts(context: Context) = Facts(deviceFacts(context), Build.DEVICE)

/** Returns what a calibration holds for: this device, system, app and lock. */
fun calibrationKey(context: Context, held: OnDevice, app: String): CalibrationKey {
    val facts = deviceFacts(context)
    return CalibrationKey(
        device = "${facts.manufacturer} ${facts.model} ${facts.ramBytes}",
        osBuild = Build.FINGERPRINT,
        app = app,
        lockSha256 = held.lockSha256,
        deviceSha256 = held.deviceSha256
    )
}

/** Returns what the system says of the device; `null` where it does not say. */
fun deviceFacts(context: Context): DeviceFacts {
    val memory = ActivityManager.MemoryInfo()
    service(context, ActivityManager::class.java).getMemoryInfo(memory)
    val since31 = Build.VERSION.SDK_INT >= Build.VERSION_CODES.S
    return DeviceFacts(
        platform = "android",
        manufacturer = Build.MANUFACTURER,
        model = Build.MODEL,
        soc = if (since31) "${Build.SOC_MANUFACTURER} ${Build.SOC_MODEL}" else null,
        osVersion = Build.VERSION.RELEASE,
        apiLevel = Build.VERSION.SDK_INT,
        abi = Build.SUPPORTED_ABIS.firstOrNull(),
        cpu = Build.HARDWARE,
        cores = Runtime.getRuntime().availableProcessors(),
        ramBytes = memory.totalMem,
        mediaPerformanceClass = if (since31) Build.VERSION.MEDIA_PERFORMANCE_CLASS else null,
        emulator = isEmulator(Build.FINGERPRINT, Build.HARDWARE, Build.PRODUCT)
    )
}
