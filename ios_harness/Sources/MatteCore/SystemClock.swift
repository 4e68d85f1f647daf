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

/// What passed between two readings: nothing where a clock went back, since a difference below 0
/// would end the app.
func passed(_ from: UInt64, _ to: UInt64) -> UInt64 {
    to > from ? to - from : 0
}

let nsPerSecond = 1e9
let nsPerMs = 1e6
