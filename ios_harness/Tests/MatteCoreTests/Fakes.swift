import Foundation
import XCTest

@testable import MatteCore

/// Goes on by what is asked of it alone.
final class FakeClock: MonotonicClock {
    var now: UInt64 = 1_000

    func nanoseconds() -> UInt64 {
        now
    }

    func sleep(until nanoseconds: UInt64) {
        now = max(now, nanoseconds)
    }
}

/// The network of the vectors' trace, at a known cost.
final class FakeEngine: Engine {
    var delegateActual: String? = "neural_engine"
    var offset: Float = 0
    var loadFault: String?
    var callsLeft = Int.max
    private let clock: FakeClock
    private let callNs: UInt64

    init(_ clock: FakeClock, callNs: UInt64) {
        self.clock = clock
        self.callNs = callNs
    }

    func load(_ program: String) throws {
        if let loadFault { throw Fault(loadFault) }
        clock.now += 5_000_000
    }

    func run(_ program: String, _ inputs: [Tensor]) throws -> [Tensor] {
        callsLeft -= 1
        if callsLeft < 0 { throw Fault("\(program) gave up") }
        clock.now += callNs
        let (first, second) = (inputs[0].values, inputs[1].values)
        var values: [Float] = []
        for place in first.indices {
            if program == "mix" {
                values.append(first[place] / 2 + second[place] / 4 + offset)
            } else {
                values.append(8 * first[place] + second[place])
            }
        }
        let output = Tensor(shape: inputs[0].shape, values: values)
        return program == "mix" ? [output, output] : [output]
    }
}

struct FakeThermal: ThermalProbe {
    var level: Int?

    func status() -> Int? {
        level
    }
}

struct FakeBattery: BatteryProbe {
    func read() -> BatteryReading? {
        BatteryReading(percent: 80, charging: false, lowPowerMode: nil)
    }
}

struct FakeMemory: MemoryProbe {
    func peak(of pass: () async throws -> Void) async throws -> RunResult.Memory? {
        try await pass()
        return RunResult.Memory(peakBytes: 4096, method: "fake")
    }
}

/// A bundle of two files of one byte, in the form of the manifest, for the vectors' trace.
func writeFakeBundle(_ root: URL, changed: Bool = false) throws {
    let content = Data("m".utf8)
    let sha256 = Sha256.of(content).hexadecimal()
    var artifacts: [String] = []
    for (program, inputs, outputs) in [
        ("mix", ["frame", "state"], ["alpha", "state_next"]),
        ("tone", ["alpha", "bias"], ["feature"]),
    ] {
        try (changed ? Data("n".utf8) : content).write(to: root.appendingPathComponent(program))
        artifacts.append(
            """
            {"path": "\(program)", "network": "toy", "tier": "t01", "program": "\(program)",
             "format": "coreml", "recipe": "fp32", "sha256": "\(sha256)", "size_bytes": 1,
             "frame": {"orientation": "landscape"}, "inputs": [\(features(inputs))],
             "outputs": [\(features(outputs))], "states": [],
             "weights_digest": "\(String(repeating: "0", count: 64))"}
            """)
    }
    let text =
        "{\"schema_version\": 1, \"packages\": [], "
        + "\"artifacts\": [\(artifacts.joined(separator: ","))]}"
    try Data(text.utf8).write(to: root.appendingPathComponent("manifest.json"))
}

private func features(_ names: [String]) -> String {
    names.map { "{\"name\": \"\($0)\", \"shape\": [1, 1, 2, 2], \"dtype\": \"float32\"}" }
        .joined(separator: ",")
}
