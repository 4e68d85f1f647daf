import Foundation

/// The time since the device started.
public struct SystemClock: MonotonicClock, Sendable {
    public init() {}

    public func nanoseconds() -> UInt64 {
        DispatchTime.now().uptimeNanoseconds
    }

    public func sleep(until nanoseconds: UInt64) {
        let now = self.nanoseconds()
        if nanoseconds > now {
            Thread.sleep(forTimeInterval: Double(nanoseconds - now) / nsPerSecond)
        }
    }
}

let nsPerSecond = 1e9
let nsPerMs = 1e6
