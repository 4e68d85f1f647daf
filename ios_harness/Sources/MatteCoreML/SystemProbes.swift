#if canImport(CoreML)
import Foundation
import MatteCore
#if canImport(UIKit)
import UIKit
#endif

/// Apple's nominal, fair, serious and critical as Android's 0, 1, 3 and 4.
public struct SystemThermalProbe: ThermalProbe {
    public init() {}

    public func status() -> Int? {
        switch ProcessInfo.processInfo.thermalState {
        case .nominal: return 0
        case .fair: return 1
        case .serious: return 3
        case .critical: return 4
        @unknown default: return nil
        }
    }
}

/// The battery of a phone or tablet; of a Mac the low-power mode alone. Not for the main thread,
/// which it waits for.
public struct SystemBatteryProbe: BatteryProbe {
    public init() {}

    public func read() -> BatteryReading? {
        let lowPowerMode = ProcessInfo.processInfo.isLowPowerModeEnabled
        #if canImport(UIKit)
        return DispatchQueue.main.sync {
            MainActor.assumeIsolated { reading(of: UIDevice.current, lowPowerMode) }
        }
        #else
        return BatteryReading(percent: nil, charging: nil, lowPowerMode: lowPowerMode)
        #endif
    }
}

#if canImport(UIKit)
@MainActor
private func reading(of device: UIDevice, _ lowPowerMode: Bool) -> BatteryReading {
    device.isBatteryMonitoringEnabled = true
    let level = device.batteryLevel  // below 0 where it is not known
    let state = device.batteryState
    let charging: Bool? = state == .unknown ? nil : state != .unplugged
    return BatteryReading(
        percent: level < 0 ? nil : Double(level) * 100, charging: charging,
        lowPowerMode: lowPowerMode)
}
#endif
#endif
