import Foundation
import XCTest

@testable import MatteCore

final class BenchTests: XCTestCase {
    private let clock = FakeClock()

    private func runBench(
        _ more: [String] = [], callNs: UInt64 = 10_000_000, physical: Bool = true,
        thermal: Int? = 0, changedFiles: Bool = false,
        _ prepare: @escaping (FakeEngine) -> Void = { _ in }
    ) async throws -> RunResult {
        let root = try emptyFolder(self)
        try writeFakeBundle(root, changed: changedFiles)
        let arguments = try Arguments(
            [
                "--bundle", root.path, "--network", "toy", "--tier", "t01", "--recipe", "fp32",
                "--out", root.appendingPathComponent("r.json").path,
                "--trace", vectors.appendingPathComponent("trace").path, "--seconds", "1",
                "--runs", "20", "--warmups", "2",
            ] + more)
        let device = RunResult.Device(
            platform: .ios, manufacturer: nil, model: nil, soc: nil, osVersion: "17.0",
            apiLevel: nil, abi: nil, cpu: nil, cores: nil, ramBytes: nil,
            mediaPerformanceClass: nil, emulator: !physical)
        let surroundings = Bench.Surroundings(
            device: device, process: .appForeground, physicalDevice: physical,
            notDebuggable: true, clock: clock, thermal: FakeThermal(level: thermal),
            battery: FakeBattery(), memory: FakeMemory())
        let clock = self.clock
        let bench = Bench(arguments, try Selection(arguments), surroundings) {
            let engine = FakeEngine(clock, callNs: callNs)
            prepare(engine)
            return engine
        }
        return await bench.run()
    }

    func testARunThatHoldsIsOk() async throws {
        let result = try await runBench()
        XCTAssertEqual(result.status, .ok)
        XCTAssertEqual(result.errors, [])
        XCTAssertEqual(result.parity?.passed, true)
        XCTAssertEqual(result.parity?.outputs.map { $0.calls }, [3, 3, 2])
        XCTAssertEqual(result.parity?.outputs.map { $0.maxAbs }, [0, 0, 0])
        XCTAssertEqual(result.memory?.peakBytes, 4096)
        XCTAssertEqual(result.battery.first?.percent, 80)
        XCTAssertTrue(result.validity.latencyValid)
        XCTAssertNil(result.sustained)
    }

    func testTheParitysHashIsOfWhatTheTraceExpectsWhereNothingDiffers() async throws {
        let reader = try TraceReader(TraceFile.read(vectors.appendingPathComponent("trace")))
        var hash = Sha256()
        for number in reader.trace.steps.indices {
            for tensor in try reader.expected(number) {
                tensor.values.withUnsafeBytes { hash.update($0) }
            }
        }
        let result = try await runBench()
        XCTAssertEqual(result.parity?.sha256, hash.hexadecimal())
    }

    func testFramesOneAndTwoAreTimedOverAndOver() async throws {
        let result = try await runBench()
        XCTAssertEqual(result.latency.map { $0.what }, ["frame", "program:mix", "program:tone"])
        let frame = try XCTUnwrap(result.latency.first)
        // Frame 1 is one call and frame 2 two, of 10 ms each: a second takes 67 frames.
        XCTAssertEqual(Array(frame.samplesNs.prefix(3)), [10_000_000, 20_000_000, 10_000_000])
        XCTAssertEqual(frame.samplesNs.count, 67)
        XCTAssertEqual(frame.ms.count, 67)
        XCTAssertEqual(frame.loadMs, 10)
        XCTAssertEqual(frame.firstMs, 20)
        XCTAssertEqual(result.latency[2].samplesNs.count, 33)
        XCTAssertEqual(result.thermal.count, 3)  // before, after a second, and at the end
    }

    func testTheLimitEndsARunThatIsThenInvalid() async throws {
        let result = try await runBench(["--limit-seconds", "0.1"])
        XCTAssertEqual(result.status, .invalid)
        XCTAssertEqual(result.validity.minRunsMet, false)
        XCTAssertEqual(result.validity.minSecondsMet, false)
        XCTAssertFalse(result.validity.latencyValid)
        XCTAssertEqual(result.latency.first?.samplesNs.count, 7)
    }

    func testHeatMakesLatenciesInvalid() async throws {
        let hot = try await runBench(thermal: 3)
        XCTAssertEqual(hot.status, .invalid)
        XCTAssertEqual(hot.validity.thermalOk, false)
        let unknown = try await runBench(thermal: nil)
        XCTAssertEqual(unknown.status, .ok)
        XCTAssertNil(unknown.validity.thermalOk)
    }

    func testWithoutAPhoneLatenciesAreNeverValid() async throws {
        let result = try await runBench(physical: false)
        XCTAssertEqual(result.status, .ok)
        XCTAssertFalse(result.validity.latencyValid)
    }

    func testFramesThatAreTooSlowForTheCameraAreLate() async throws {
        let kept = try await runBench(["--fps", "50", "--sustained-seconds", "1"])
        XCTAssertEqual(kept.sustained?.frames, 50)
        XCTAssertEqual(kept.sustained?.late, 0)
        let late = try await runBench(["--fps", "100", "--sustained-seconds", "1"])
        // One call and two in turn, of 10 ms each: the first ends in time, no other does.
        XCTAssertEqual(late.sustained?.frames, 67)
        XCTAssertEqual(late.sustained?.late, 66)
        XCTAssertEqual(late.sustained?.lastQuarterP95Ms, 20)
    }

    func testAnotherDelegateOrAnUnknownOneIsAFallback() async throws {
        let other = try await runBench { $0.delegateActual = "cpu" }
        XCTAssertEqual(other.status, .fallback)
        let unknown = try await runBench { $0.delegateActual = nil }
        XCTAssertEqual(unknown.status, .fallback)
    }

    func testAFileThatIsNotTheManifestsEndsTheRun() async throws {
        let result = try await runBench(changedFiles: true)
        XCTAssertEqual(result.status, .loadFailed)
        XCTAssertEqual(result.subject.files.count, 1)
        XCTAssertTrue(result.errors[0].contains("not what the manifest says"))
        XCTAssertNil(result.parity)
        XCTAssertNil(result.memory)
        XCTAssertEqual(result.latency, [])
    }

    func testAProgramThatCannotBeLoadedEndsTheRun() async throws {
        let result = try await runBench { $0.loadFault = "no memory" }
        XCTAssertEqual(result.status, .loadFailed)
        XCTAssertEqual(result.errors, ["no memory"])
    }

    func testAProgramThatGivesUpLosesNothingThatWasMeasured() async throws {
        // 2 calls of frame 0, 5 of each replay, 3 of the warm-up; the 10 left are 7 frames.
        let result = try await runBench { $0.callsLeft = 25 }
        XCTAssertEqual(result.status, .runFailed)
        XCTAssertEqual(result.errors.count, 1)
        XCTAssertEqual(result.parity?.passed, true)
        XCTAssertEqual(result.latency.first?.samplesNs.count, 7)
        XCTAssertFalse(result.validity.latencyValid)
    }

    func testAWrongMatteFailsTheParityAndTheRunGoesOn() async throws {
        let result = try await runBench { $0.offset = 0.1 }
        XCTAssertEqual(result.status, .parityFailed)
        XCTAssertEqual(result.parity?.outputs[0].faults, ["max_abs", "psnr_db", "mad"])
        XCTAssertFalse(result.latency.isEmpty)
    }

    func testWhatIsNotFiniteIsTheOneFault() async throws {
        let result = try await runBench { $0.offset = .nan }
        XCTAssertEqual(result.status, .parityFailed)
        XCTAssertEqual(result.parity?.outputs[0].faults, ["not_finite"])
        XCTAssertNil(result.parity?.outputs[0].mad)
    }
}
