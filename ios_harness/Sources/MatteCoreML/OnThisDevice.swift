#if canImport(CoreML)
import Foundation
import MatteCore

/// What a choice on this device goes by.
public func selfFacts() throws -> Facts {
    try Facts(deviceFacts())
}

/// What a calibration holds for: this device, system, app and lock.
public func calibrationKey(_ held: OnDevice, app: String) -> CalibrationKey {
    let facts = deviceFacts()
    return CalibrationKey(
        device: "\(facts.model ?? "") \(facts.ramBytes ?? 0)",
        osBuild: ProcessInfo.processInfo.operatingSystemVersionString, app: app,
        lockSha256: held.lockSha256, deviceSha256: held.deviceSha256)
}

/// A calibration with the system's clock and thermal state; debug builds and simulators measure
/// nothing.
public func systemCalibration(
    debuggable: Bool, open: @escaping (HeldStep) async throws -> any FramePlayer
) -> Calibration {
    Calibration(
        clock: SystemClock(), thermal: SystemThermalProbe(), physical: isPhoneOrTablet,
        debuggable: debuggable, open: open)
}

/// Tells of every change of the thermal state, as Android counts, on a queue of the app's.
public final class ThermalChanges {
    private var observer: (any NSObjectProtocol)?

    public init(on queue: DispatchQueue, _ told: @escaping (Int?) -> Void) {
        observer = NotificationCenter.default.addObserver(
            forName: ProcessInfo.thermalStateDidChangeNotification, object: nil, queue: nil
        ) { _ in
            queue.async { told(SystemThermalProbe().status()) }
        }
    }

    deinit {
        if let observer {
            NotificationCenter.default.removeObserver(observer)
        }
    }
}

extension MatteStream: FramePlayer {
    /// Lay a grey frame over black.
    public func frame() throws {
        let grey = [UInt8](repeating: 128, count: 4 * height * width)
        _ = try composite(grey, over: [0, 0, 0])
    }
}

/// A tier that runs, and what it and those beside it are run on.
public struct ChosenStream {
    public let stepper: Stepper<MatteStream>
    public let delegate: Delegate

    public init(_ stepper: Stepper<MatteStream>, on delegate: Delegate) {
        self.stepper = stepper
        self.delegate = delegate
    }
}

/// What the bundle's lock chooses for this device, calibrated and ready for frames. Not for the
/// main thread.
public func chosenStream(
    _ bundle: URL, on delegate: Delegate, app: String, debuggable: Bool
) async throws -> ChosenStream {
    let held = try OnDevice.read(bundle)
    let decision = held.decide(try selfFacts(), "rvm")
    let asked = decision.delegate.flatMap(Delegate.init(rawValue:)) ?? delegate
    let calibration = systemCalibration(debuggable: debuggable) { step in
        try await MatteStream.make(bundle, step, on: asked)
    }
    let remembered = URL.documentsDirectory.appendingPathComponent("calibration.json")
    let place = try await launchPlace(
        decision, remembered: remembered, calibrationKey(held, app: app), calibration)
    try Task.checkCancellation()
    let stream = try await MatteStream.make(bundle, decision.steps[place], on: asked)
    let stepper = Stepper(
        decision.steps, at: place, limitMs: decision.frameMs, clock: SystemClock(),
        status: SystemThermalProbe().status(), model: stream)
    return ChosenStream(stepper, on: asked)
}
#endif
