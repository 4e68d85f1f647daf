#if canImport(CoreML)
import MatteCore

/// A run with Core ML on this device.
///
/// - Parameter notDebuggable: Whether this is no debug build; nil of a program that is no app.
public func coreMLBench(
    _ arguments: Arguments, process: RunProcess, notDebuggable: Bool?, memory: any MemoryProbe
) throws -> Bench {
    let selection = try Selection(arguments)
    let surroundings = Bench.Surroundings(
        device: deviceFacts(), process: process, physicalDevice: isPhoneOrTablet,
        notDebuggable: notDebuggable, clock: SystemClock(), thermal: SystemThermalProbe(),
        battery: SystemBatteryProbe(), memory: memory)
    return Bench(arguments, selection, surroundings) {
        try await CoreMLEngine.make(
            selection.sources, in: selection.bundle, on: arguments.delegate)
    }
}
#endif
