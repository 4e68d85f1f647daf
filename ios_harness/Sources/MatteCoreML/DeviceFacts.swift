#if canImport(CoreML)
import Darwin
import Foundation
import MatteCore

/// What this runs on, as the operating system says it.
public func deviceFacts() -> RunResult.Device {
    let system = ProcessInfo.processInfo
    let version = system.operatingSystemVersion
    #if os(macOS)
    let model = systemText("hw.model")
    let platform = RunResult.Platform.macos
    #else
    let model = systemText("hw.machine")
    let isPad = model?.hasPrefix("iPad") ?? false
    let platform = isPad ? RunResult.Platform.ipados : RunResult.Platform.ios
    #endif
    return RunResult.Device(
        platform: platform, manufacturer: "Apple", model: model,
        soc: systemText("machdep.cpu.brand_string"),
        osVersion: "\(version.majorVersion).\(version.minorVersion).\(version.patchVersion)",
        apiLevel: nil, abi: abi, cpu: nil, cores: system.processorCount,
        ramBytes: Int(system.physicalMemory), mediaPerformanceClass: nil, emulator: isSimulator)
}

#if targetEnvironment(simulator)
let isSimulator = true
#else
let isSimulator = false
#endif

#if os(macOS)
let isPhoneOrTablet = false
#else
let isPhoneOrTablet = !isSimulator
#endif

#if arch(arm64)
private let abi = "arm64"
#else
private let abi = "x86_64"
#endif

/// A text that the kernel keeps under a name; nil where it keeps none.
private func systemText(_ name: String) -> String? {
    var sizeBytes = 0
    guard sysctlbyname(name, nil, &sizeBytes, nil, 0) == 0, sizeBytes > 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: sizeBytes)
    guard sysctlbyname(name, &bytes, &sizeBytes, nil, 0) == 0 else { return nil }
    return String(decoding: bytes.prefix(while: { $0 != 0 }), as: UTF8.self)
}
#endif
