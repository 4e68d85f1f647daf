import Foundation
import XCTest

@testable import MatteCore

/// What an app decides on the device is what Python decides, case by case.
final class OnDeviceVectorTests: XCTestCase {
    private struct Said: Decodable {
        let platform: String
        let manufacturer: String?
        let model: String?
        let device: String?
        let soc: String?
        let ram_bytes: Int?
        let os_version: String?
        let api_level: Int?
        let media_performance_class: Int?
        let cores: Int?

        func facts() throws -> Facts {
            try Facts(
                platform: platform, manufacturer: manufacturer, model: model, device: device,
                soc: soc, ramBytes: ram_bytes, osVersion: os_version, apiLevel: api_level,
                mediaPerformanceClass: media_performance_class, cores: cores)
        }
    }

    private func held() throws -> (lock: DeviceLock, file: DeviceFile) {
        let folder = vectors.appendingPathComponent("on_device")
        let data = try Data(contentsOf: folder.appendingPathComponent("lock.json"))
        let beside = try Data(contentsOf: folder.appendingPathComponent("device.json"))
        return try read(data, beside)
    }

    private func read(_ lock: Data, _ beside: Data) throws -> (lock: DeviceLock, file: DeviceFile) {
        let found = try decoded(DeviceLock.self, from: lock, named: "lock", again: bundleAgain)
        let sha256 = Sha256.of(lock).hexadecimal()
        return (found, try DeviceFile.read(beside, beside: found, sha256))
    }

    private struct PlaceCase: Decodable {
        let facts: Said
        let expected: Placed?
    }

    func testADeviceIsInTheClassThatPythonFinds() throws {
        let index = try held().file.index
        for one in try vectorCases(PlaceCase.self, "on_device/places.json") {
            if let expected = one.expected {
                XCTAssertEqual(place(index, try one.facts.facts()), expected, "\(one.facts)")
            } else {
                XCTAssertThrowsError(try one.facts.facts())
            }
        }
    }

    private struct DecisionCase: Decodable {
        struct Expected: Decodable {
            let platform: String
            let device_class: String
            let by: String
            let group_class: String?
            let refused: String?
            let steps: [[String]]
            let files: [String]
            let at: Int?
            let damaged: [String]
            let delegate: String?
            let frame_ms: Double?
        }

        let facts: Said
        let network: String
        let damaged: [String]
        let expected: Expected
    }

    func testWhatIsRunIsWhatPythonRuns() throws {
        let (lock, file) = try held()
        for one in try vectorCases(DecisionCase.self, "on_device/decisions.json") {
            let facts = try one.facts.facts()
            let found = decide(lock, file, facts, one.network) { !one.damaged.contains($0.path) }
            let expected = one.expected
            XCTAssertEqual(found.placed.platform, expected.platform)
            XCTAssertEqual(found.placed.deviceClass, expected.device_class)
            XCTAssertEqual(found.placed.by, expected.by)
            XCTAssertEqual(found.groupClass, expected.group_class)
            XCTAssertEqual(found.refused, expected.refused)
            XCTAssertEqual(found.steps.map { [$0.tier, $0.format, $0.recipe] }, expected.steps)
            XCTAssertEqual(found.steps.flatMap { $0.files.map { $0.path } }, expected.files)
            XCTAssertEqual(found.at, expected.at)
            XCTAssertEqual(found.damaged, expected.damaged)
            XCTAssertEqual(found.delegate, expected.delegate)
            XCTAssertEqual(found.frameMs, expected.frame_ms)
        }
    }

    private struct HostileCase: Decodable {
        let name: String
        let lock: String
        let device: String
        let expected: Bool
    }

    func testAHostileFileIsRefusedWherePythonRefusesIt() throws {
        for one in try vectorCases(HostileCase.self, "on_device/hostile.json") {
            let found = try? read(Data(one.lock.utf8), Data(one.device.utf8))
            XCTAssertEqual(found != nil, one.expected, one.name)
        }
    }

    private struct CalibrationCase: Decodable {
        let held: Int
        let at: Int
        let limit_ms: Double?
        let own: Trial
        let higher: Trial?
        let expected: Calibrated
        let tries_higher: Bool
    }

    func testACalibrationComesToWhatPythonSays() throws {
        for one in try vectorCases(CalibrationCase.self, "on_device/calibrations.json") {
            let tries = triesHigher(held: one.held, at: one.at, limitMs: one.limit_ms, one.own)
            XCTAssertEqual(tries, one.tries_higher)
            let found = calibrated(
                held: one.held, at: one.at, limitMs: one.limit_ms, one.own, higher: one.higher)
            XCTAssertEqual(found, one.expected)
        }
    }

    private struct MemoryCase: Decodable {
        struct Expected: Decodable {
            let remembered: Int?
            let is_due: Bool
            let entries: [CalibrationEntry]
        }

        let text: String
        let key: CalibrationKey
        let network: String
        let steps: [[String]]
        let at: Int
        let found: Calibrated
        let expected: Expected
    }

    func testWhatIsRememberedIsWhatPythonRemembers() throws {
        let placed = Placed(platform: "android", deviceClass: "t01", by: "nothing")
        for one in try vectorCases(MemoryCase.self, "on_device/memories.json") {
            let memory = CalibrationMemory.recalled(Data(one.text.utf8), one.key)
            var decision = DeviceDecision(network: one.network, placed: placed)
            decision.steps = one.steps.map {
                HeldStep(tier: $0[0], format: "onnx", recipe: $0[1], files: [])
            }
            decision.at = one.at
            XCTAssertEqual(try memory.remembered(decision), one.expected.remembered)
            XCTAssertEqual(try memory.isDue(decision), one.expected.is_due)
            XCTAssertEqual(
                try memory.noted(decision, one.found).entries, one.expected.entries)
        }
    }

    private struct ThermalCase: Decodable {
        struct Event: Decodable {
            let kind: String
            let at_ms: Int
            let status: Int?
            let at: Int?
            let every_ms: Int?
            let count: Int?
            let frame_ms: Double?
            let late_one_in: Int?
        }

        struct Change: Decodable, Equatable {
            let at_ms: Int
            let at: Int
        }

        let steps: StepRules
        let begun_ms: Int
        let status: Int?
        let events: [Event]
        let changes: [Change]
        let end: StepState
    }

    func testAWarmPhoneGoesDownAndUpWhenPythonSays() throws {
        for one in try vectorCases(ThermalCase.self, "on_device/thermals.json") {
            var state = StepState(one.steps, atMs: one.begun_ms, status: one.status)
            var changes: [ThermalCase.Change] = []
            for event in one.events {
                try play(event, one.steps, &state, &changes)
            }
            XCTAssertEqual(changes, one.changes)
            XCTAssertEqual(state, one.end)
        }
    }

    private func play(
        _ event: ThermalCase.Event, _ rules: StepRules, _ state: inout StepState,
        _ changes: inout [ThermalCase.Change]
    ) throws {
        if event.kind == "refused" {
            state.resumed(rules, atMs: event.at_ms, place: try XCTUnwrap(event.at))
            changes.append(ThermalCase.Change(at_ms: state.nowMs, at: state.at))
            return
        }
        for number in 0..<(event.count ?? 1) {
            let before = state.at
            if event.kind == "thermal" {
                state.warmed(rules, atMs: event.at_ms, status: event.status)
            } else {
                let oneIn = try XCTUnwrap(event.late_one_in)
                let usual = try XCTUnwrap(event.frame_ms)
                let late = oneIn > 0 && number % oneIn == 0
                let atMs = event.at_ms + number * (try XCTUnwrap(event.every_ms))
                state.played(rules, atMs: atMs, frameMs: late ? usual * 10 : usual)
            }
            if state.at != before {
                changes.append(ThermalCase.Change(at_ms: state.nowMs, at: state.at))
            }
        }
    }
}
