import Foundation
import XCTest

@testable import MatteCore

final class ResultTests: XCTestCase {
    private let result = RunResult(
        schemaVersion: 1, runId: "a", startedAt: "2026-01-01T00:00:00Z",
        tool: RunResult.Tool(name: "ios_harness", version: "0.1.0"),
        device: RunResult.Device(
            platform: .ios, manufacturer: nil, model: nil, soc: nil, osVersion: nil,
            apiLevel: nil, abi: nil, cpu: nil, cores: nil, ramBytes: nil,
            mediaPerformanceClass: nil, emulator: false),
        subject: RunResult.Subject(
            network: "rvm", tier: "t01", orientation: .landscape, format: "coreml",
            recipe: "fp16", weightsDigest: "0", files: [], traceSha256: "0"),
        execution: RunResult.Execution(
            process: .appForeground, runtime: "coreml", runtimeVersion: nil,
            delegateRequested: "neural_engine", delegateActual: nil, threads: 1),
        plan: RunResult.Plan(
            warmups: 1, runs: 1, seconds: 0, limitSeconds: 1, framesPerSecond: nil,
            sustainedSeconds: 0),
        latency: [], sustained: nil, memory: nil,
        thermal: [RunResult.Heat(seconds: 0, status: nil, celsius: nil)],
        battery: [RunResult.Battery(seconds: 0, percent: nil, charging: nil, lowPowerMode: nil)],
        parity: nil, instructionsPerFrame: nil,
        validity: RunResult.Validity(
            physicalDevice: true, latencyValid: false, minRunsMet: false, minSecondsMet: false,
            thermalOk: nil, notDebuggable: nil),
        status: .loadFailed, errors: [])

    func testWhatWasNotMeasuredIsWrittenAsNull() throws {
        let text = String(decoding: try result.json(), as: UTF8.self)
            .replacingOccurrences(of: " ", with: "")
        let keys = [
            "manufacturer", "model", "soc", "os_version", "api_level", "abi", "cpu", "cores",
            "ram_bytes", "media_performance_class", "runtime_version", "delegate_actual",
            "frames_per_second", "sustained", "memory", "parity", "instructions_per_frame",
            "celsius", "percent", "charging", "low_power_mode", "thermal_ok", "not_debuggable",
        ]
        for key in keys {
            XCTAssertTrue(text.contains("\"\(key)\":null"), key)
        }
    }

    func testAResultIsWrittenWholeAndReadBack() throws {
        let url = try emptyFolder(self).appendingPathComponent("results/a.json")
        try result.write(to: url)
        let read = try JSONDecoder().decode(RunResult.self, from: Data(contentsOf: url))
        XCTAssertEqual(read, result)
        let beside = try FileManager.default.contentsOfDirectory(
            atPath: url.deletingLastPathComponent().path)
        XCTAssertEqual(beside, ["a.json"])
    }

    func testAPersonIsLaidOverOneColour() {
        let foreground = Pixels.planes([255, 0, 0, 255, 255, 0, 0, 255], height: 1, width: 2)
        XCTAssertEqual(foreground.values, [1, 1, 0, 0, 0, 0])
        let alpha = Tensor(shape: [1, 1, 1, 2], values: [1, 0])
        XCTAssertEqual(
            Pixels.laid(foreground, alpha, over: [0, 1, 0]), [255, 0, 0, 255, 0, 255, 0, 255])
    }
}
