import Foundation
import MatteCore
import MatteCoreML

/// Exit codes: 0 the result says ok or fallback, 1 anything else, 2 nothing was written.
@main
enum MatteBench {
    static func main() async {
        let words = Array(CommandLine.arguments.dropFirst())
        do {
            exit(try await run(words))
        } catch {
            complain(error)
            exit(2)
        }
    }

    private static func complain(_ error: any Error) {
        FileHandle.standardError.write(Data("matte-bench: \(oneLine(error))\n".utf8))
    }

    #if os(macOS)
    private static func run(_ words: [String]) async throws -> Int32 {
        let arguments = try Arguments(words)
        let bench = try coreMLBench(
            arguments, process: .host, notDebuggable: nil, memory: ChildMemoryProbe(words))
        if arguments.memory {
            try await bench.playOnce()
            print(try peakFootprintBytes())
            return 0
        }
        let result = await bench.run()
        try result.write(to: arguments.out)
        for error in result.errors {
            complain(Fault(error))
        }
        print("\(result.status.rawValue): \(arguments.out.path)")
        return result.status == .ok || result.status == .fallback ? 0 : 1
    }
    #else
    private static func run(_ words: [String]) async throws -> Int32 {
        throw Fault("this command runs Core ML on macOS; on a phone the app does")
    }
    #endif
}
