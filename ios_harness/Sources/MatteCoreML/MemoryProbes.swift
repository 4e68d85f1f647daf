#if canImport(CoreML)
import Darwin
import Foundation
import MatteCore

private let method = "task_vm_info ledger_phys_footprint_peak"

/// The largest footprint that this process ever had, in bytes.
public func peakFootprintBytes() throws -> Int {
    var info = task_vm_info_data_t()
    let length = MemoryLayout<task_vm_info_data_t>.size / MemoryLayout<integer_t>.size
    var count = mach_msg_type_number_t(length)
    let answer = withUnsafeMutablePointer(to: &info) { whole in
        whole.withMemoryRebound(to: integer_t.self, capacity: length) { integers in
            task_info(mach_task_self_, task_flavor_t(TASK_VM_INFO), integers, &count)
        }
    }
    guard answer == KERN_SUCCESS else { throw Fault("task_info answers \(answer)") }
    return Int(info.ledger_phys_footprint_peak)
}

/// Of an app, which has one process: its peak up to the end of the pass, and so no less than the
/// pass's own.
public struct ProcessMemoryProbe: MemoryProbe {
    public init() {}

    public func peak(of pass: () async throws -> Void) async throws -> RunResult.Memory? {
        try await pass()
        return RunResult.Memory(
            peakBytes: try peakFootprintBytes(), method: method + ", of the whole run")
    }
}

#if os(macOS)
/// Of a command: it starts itself anew, for the pass alone.
public struct ChildMemoryProbe: MemoryProbe {
    private let words: [String]

    /// - Parameter words: What this command was given.
    public init(_ words: [String]) {
        self.words = words
    }

    public func peak(of pass: () async throws -> Void) async throws -> RunResult.Memory? {
        RunResult.Memory(peakBytes: try childPeakBytes(), method: method + ", of its own process")
    }

    private func childPeakBytes() throws -> Int {
        let child = Process()
        child.executableURL = Bundle.main.executableURL
        child.arguments = words + ["--memory"]
        let output = Pipe()
        child.standardOutput = output
        try child.run()
        let printed = output.fileHandleForReading.readDataToEndOfFile()
        child.waitUntilExit()
        let text = String(decoding: printed, as: UTF8.self)
        let number = Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
        guard child.terminationStatus == 0, let peakBytes = number else {
            throw Fault("the memory pass ended with \(child.terminationStatus), without a number")
        }
        return peakBytes
    }
}
#endif
#endif
