/// What runs a file: one program at a time, tensors in and out in the order of its contract.
public protocol Engine: AnyObject {
    /// What runs most of it, in the words of `Delegate`; nil where nobody can tell.
    var delegateActual: String? { get }

    func load(_ program: String) throws

    func run(_ program: String, _ inputs: [Tensor]) throws -> [Tensor]
}

/// What a run can be asked to use. There is no "all": nothing could fall short of it.
public enum Delegate: String, CaseIterable, Sendable {
    case cpu, gpu
    case neuralEngine = "neural_engine"
}

/// A clock that never goes back.
public protocol MonotonicClock {
    func nanoseconds() -> UInt64

    func sleep(until nanoseconds: UInt64)
}

public protocol ThermalProbe {
    /// 0 none to 6 shutdown, as Android counts; nil where nobody can tell.
    func status() -> Int?
}

public struct BatteryReading: Equatable, Sendable {
    public let percent: Double?
    public let charging: Bool?
    public let lowPowerMode: Bool?

    public init(percent: Double?, charging: Bool?, lowPowerMode: Bool?) {
        self.percent = percent
        self.charging = charging
        self.lowPowerMode = lowPowerMode
    }
}

public protocol BatteryProbe {
    func read() -> BatteryReading?
}

public protocol MemoryProbe {
    /// The most memory that a pass came to, and how it was read; nil where nobody can tell.
    func peak(of pass: () async throws -> Void) async throws -> RunResult.Memory?
}
