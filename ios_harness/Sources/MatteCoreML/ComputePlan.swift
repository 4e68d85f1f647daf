#if canImport(CoreML)
import CoreML
import Foundation
import MatteCore

extension Delegate {
    /// What Core ML may use. It may always use the CPU beside the rest.
    var computeUnits: MLComputeUnits {
        switch self {
        case .cpu: return .cpuOnly
        case .gpu: return .cpuAndGPU
        case .neuralEngine: return .cpuAndNeuralEngine
        }
    }
}

/// What Core ML means to run most of a compiled program on, by its own estimate of the cost of each
/// operation; nil where it does not tell.
func placement(
    of compiled: URL, _ configuration: MLModelConfiguration, function: String?
) async throws -> Delegate? {
    if configuration.computeUnits == .cpuOnly { return .cpu }
    guard #available(iOS 17.4, macOS 14.4, *) else { return nil }
    let plan = try await MLComputePlan.load(contentsOf: compiled, configuration: configuration)
    guard case .program(let program) = plan.modelStructure,
        let main = program.functions[function ?? "main"]
    else { return nil }
    var costs: [Delegate: Double] = [:]
    for operation in main.block.operations {
        guard let usage = plan.deviceUsage(for: operation),
            let cost = plan.estimatedCost(of: operation)
        else { continue }
        switch usage.preferred {
        case .cpu: costs[.cpu, default: 0] += cost.weight
        case .gpu: costs[.gpu, default: 0] += cost.weight
        case .neuralEngine: costs[.neuralEngine, default: 0] += cost.weight
        @unknown default: continue
        }
    }
    return costs.max(by: { $0.value < $1.value })?.key
}

/// The one device of all programs, or all their devices, joined; nil where one is not known.
func together(_ placements: [Delegate?]) -> String? {
    let known = placements.compactMap { $0?.rawValue }
    guard known.count == placements.count, !known.isEmpty else { return nil }
    return Set(known).sorted().joined(separator: "+")
}
#endif
