import Foundation
import XCTest

@testable import MatteCore

final class ArgumentsTests: XCTestCase {
    private let least = [
        "--bundle", "b", "--network", "rvm", "--tier", "t01", "--recipe", "fp16", "--out", "r.json",
    ]

    func testTheRestIsUsual() throws {
        let arguments = try Arguments(least, startedAt: Date(timeIntervalSince1970: 0))
        XCTAssertEqual(arguments.runId, "rvm-t01-fp16-1970-01-01T000000Z")
        XCTAssertTrue(arguments.trace.path.hasSuffix("b/traces/rvm/t01"))
        XCTAssertEqual(arguments.delegate, .neuralEngine)
        XCTAssertEqual(arguments.plan.warmups, 10)
        XCTAssertNil(arguments.plan.framesPerSecond)
        XCTAssertFalse(arguments.packed)
    }

    func testWhatIsGivenIsTaken() throws {
        let more = [
            "--compute-units", "gpu", "--packed", "--runs", "3", "--fps", "30", "--run-id", "a.b",
        ]
        let arguments = try Arguments(least + more)
        XCTAssertEqual(arguments.delegate, .gpu)
        XCTAssertTrue(arguments.packed)
        XCTAssertEqual(arguments.plan.runs, 3)
        XCTAssertEqual(arguments.plan.framesPerSecond, 30)
        XCTAssertEqual(arguments.runId, "a.b")
    }

    func testAnAppHasItsOwnPlaces() throws {
        let home = URL(fileURLWithPath: "documents")
        let words = ["--network", "rvm", "--tier", "t01", "--recipe", "fp16", "--run-id", "x"]
        let arguments = try Arguments(words, home: home)
        XCTAssertTrue(arguments.bundle.path.hasSuffix("documents/bundle"))
        XCTAssertTrue(arguments.out.path.hasSuffix("documents/results/x.json"))
    }

    func testWhatCannotBeIsRefused() {
        let wrong: [([String], String)] = [
            (["--runs", "0"], "--runs is 0"),
            (["--seconds", "nan"], "--seconds is nan"),
            (["--fps", "-1"], "--fps is -1"),
            (["--compute-units", "all"], "--compute-units is all"),
            (["--run-id", "a/b"], "--run-id is a/b"),
            (["--tier", "t02"], "--tier is given twice"),
            (["--speed", "1"], "no option --speed"),
            (["--fps"], "--fps needs a value"),
        ]
        for (words, what) in wrong {
            XCTAssertThrowsError(try Arguments(least + words), what) { error in
                XCTAssertTrue(oneLine(error).contains(what), oneLine(error))
            }
        }
        XCTAssertThrowsError(try Arguments(Array(least.dropFirst(2))))
    }
}
