import Foundation
import XCTest

@testable import MatteCore

/// A calibration on a clock by hand, and a change under way.
final class OnDeviceTests: XCTestCase {
    private let clock = FakeClock()
    private let steps = ["t03", "t04", "t05"].map {
        HeldStep(tier: $0, format: "coreml", recipe: "fp16", files: [])
    }

    private final class Timed: FramePlayer {
        private let clock: FakeClock
        private let ms: UInt64

        init(_ clock: FakeClock, ms: UInt64) {
            self.clock = clock
            self.ms = ms
        }

        func frame() {
            clock.now += ms * 1_000_000
        }
    }

    private func decision() -> DeviceDecision {
        let placed = Placed(platform: "ios", deviceClass: "t04", by: "identifier")
        var found = DeviceDecision(network: "rvm", placed: placed)
        found.steps = steps
        found.at = 1
        found.frameMs = 30
        return found
    }

    private func run(heat: Int? = 0, _ ms: [String: UInt64]) async throws -> Calibrated {
        let calibration = Calibration(
            clock: clock, thermal: FakeThermal(level: heat), physical: true, debuggable: false
        ) { [clock] step in
            guard let took = ms[step.tier] else { throw Fault("no such delegate") }
            return Timed(clock, ms: took)
        }
        let decision = self.decision()
        return try await Task.detached { try await calibration.run(decision) }.value
    }

    func testADeviceThatIsSlowerOrFasterThanItsClassGetsTheTierBeside() async throws {
        let slow = try await run(["t04": 40])
        XCTAssertEqual(slow, Calibrated(at: 0, why: "too_slow", valid: true))
        let fast = try await run(["t04": 15, "t05": 24])
        XCTAssertEqual(fast, Calibrated(at: 2, why: "faster", valid: true))
        let near = try await run(["t04": 15, "t05": 27])
        XCTAssertEqual(near, Calibrated(at: 1, why: "kept", valid: true))
    }

    func testWhatIsWarmOrBrokenChangesNothing() async throws {
        let warm = try await run(heat: 2, ["t04": 40])
        XCTAssertEqual(warm, Calibrated(at: 1, why: "thermal_ok", valid: false))
        let broken = try await run([:])
        XCTAssertEqual(broken, Calibrated(at: 1, why: "failed", valid: false))
        let before = clock.now
        let endless = try await run(["t04": 900])
        XCTAssertEqual(endless, Calibrated(at: 1, why: "min_runs_met", valid: false))
        XCTAssertLessThan(clock.now - before, 7_000_000_000)
    }

    func testWhatWasFoundIsThereAtTheNextLaunch() throws {
        let file = try emptyFolder(self).appendingPathComponent("calibration.json")
        let key = CalibrationKey(
            device: "iPhone17,3", osBuild: "22A", app: "1", lockSha256: "a", deviceSha256: "b")
        let found = Calibrated(at: 0, why: "too_slow", valid: true)
        try CalibrationMemory.read(file, key).noted(decision(), found).write(to: file)
        XCTAssertEqual(try CalibrationMemory.read(file, key).remembered(decision()), 0)
        let other = CalibrationKey(
            device: "iPhone17,3", osBuild: "22B", app: "1", lockSha256: "a", deviceSha256: "b")
        XCTAssertTrue(try CalibrationMemory.read(file, other).isDue(decision()))
    }

    func testAHotPhoneAsksForALowerTierAndItsStatesEndWithTheModel() {
        let stepper = Stepper(
            steps, at: 1, limitMs: 30, clock: clock, status: 0, model: "model of t04")
        XCTAssertEqual(fresh(stepper, seconds: 12), ["model of t04"])
        stepper.warmed(3)
        XCTAssertEqual(fresh(stepper, seconds: 12), [])
        XCTAssertEqual(stepper.wanted, steps[0])
        stepper.refused("no memory left")
        XCTAssertNil(stepper.wanted)
        XCTAssertEqual(stepper.step, steps[1])
        XCTAssertEqual(fresh(stepper, seconds: 12), [])
        XCTAssertEqual(stepper.wanted, steps[0])
        stepper.opened("model of t03", steps[0])
        XCTAssertNil(stepper.wanted)
        XCTAssertEqual(fresh(stepper, seconds: 1), ["model of t03"])
    }

    /// Play ten frames a second and return the models whose first frame was among them.
    private func fresh(_ stepper: Stepper<String>, seconds: Int) -> [String] {
        var found: [String] = []
        for _ in 0..<(10 * seconds) {
            stepper.frame { model, isFresh in
                clock.now += 20_000_000
                if isFresh { found.append(model) }
            }
            clock.now += 80_000_000
        }
        return found
    }
}
