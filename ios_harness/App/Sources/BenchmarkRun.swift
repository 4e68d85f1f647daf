import Combine
import Foundation
import MatteCore
import MatteCoreML
import UIKit

/// One run of the bundle in the app's Documents folder; its result goes to `results` beside it.
@MainActor
final class BenchmarkRun: ObservableObject {
    @Published var report = ""
    @Published var running = false

    /// Run what the launch arguments ask for and end the app with the exit code of `matte-bench`,
    /// so that whoever launched it can wait for it; without arguments nothing happens.
    func runLaunchArguments() async {
        let words = Array(CommandLine.arguments.dropFirst())
        guard words.first?.hasPrefix("--") == true else { return }
        exit(await run(words))
    }

    func run(_ words: [String]) async -> Int32 {
        running = true
        UIApplication.shared.isIdleTimerDisabled = true  // a screen that is off is no foreground
        let found = await Task.detached(priority: .userInitiated) { await measured(words) }.value
        UIApplication.shared.isIdleTimerDisabled = false
        running = false
        report = found.report
        print(found.report)
        return found.code
    }
}

private struct Measurement: Sendable {
    let code: Int32
    let report: String
}

/// Not on the main thread, which the battery is read on.
private func measured(_ words: [String]) async -> Measurement {
    do {
        let arguments = try Arguments(words, home: URL.documentsDirectory)
        let bench = try coreMLBench(
            arguments, process: .appForeground, notDebuggable: isReleaseBuild,
            memory: ProcessMemoryProbe())
        let result = await bench.run()
        try result.write(to: arguments.out)
        let frame = result.latency.first(where: { $0.what == "frame" })
        let p95 = frame.map { String(format: "p95 %.2f ms", $0.ms.p95) } ?? "no latency"
        let lines = ["\(result.status.rawValue), \(p95)", arguments.out.path] + result.errors
        let holds = result.status == .ok || result.status == .fallback
        return Measurement(code: holds ? 0 : 1, report: lines.joined(separator: "\n"))
    } catch {
        return Measurement(code: 2, report: oneLine(error))
    }
}

#if DEBUG
let isReleaseBuild = false
#else
let isReleaseBuild = true
#endif
