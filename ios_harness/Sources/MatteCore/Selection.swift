import Foundation

/// Where a program comes from, and what its file takes and gives.
public struct Source: Sendable {
    public let program: String
    public let path: String
    /// Of a package of several functions; nil where the file holds the program alone.
    public let function: String?
    public let sha256: String
    public let sizeBytes: Int
    public let inputs: [Manifest.Feature]
    public let outputs: [Manifest.Feature]

    public init(_ artifact: Manifest.Artifact) {
        program = artifact.program
        path = artifact.path
        function = nil
        sha256 = artifact.sha256
        sizeBytes = artifact.sizeBytes
        inputs = artifact.inputs
        outputs = artifact.outputs
    }

    init(_ artifact: Manifest.Artifact, _ function: String, of package: Manifest.Package) {
        program = artifact.program
        path = package.path
        self.function = function
        sha256 = package.sha256
        sizeBytes = package.sizeBytes
        inputs = artifact.inputs
        outputs = artifact.outputs
    }
}

/// What is run: the trace of a tier, and a file for each of its programs.
public struct Selection: Sendable {
    public static let format = "coreml"

    public let bundle: URL
    public let traceFile: TraceFile
    public let recipe: String
    public let limits: Trace.Limits
    public let sources: [Source]

    /// Find what the arguments name, and refuse a trace that was recorded of something else.
    public init(_ arguments: Arguments) throws {
        let manifest = try Manifest.read(arguments.bundle)
        let file = try TraceFile.read(arguments.trace)
        let trace = file.trace
        guard trace.network == arguments.network, trace.tier == arguments.tier else {
            throw Fault(
                "the trace is of \(trace.network) \(trace.tier), not of "
                    + "\(arguments.network) \(arguments.tier); give another --trace")
        }
        guard let limits = trace.limits[arguments.recipe] else {
            let known = trace.limits.keys.sorted().joined(separator: ", ")
            throw Fault("the trace sets no limits for \(arguments.recipe), only for \(known)")
        }
        var sources: [Source] = []
        for program in trace.programs {
            let artifact = try find(program, of: trace, arguments.recipe, in: manifest)
            if arguments.packed {
                sources.append(try packed(artifact, in: manifest))
            } else {
                sources.append(Source(artifact))
            }
        }
        bundle = arguments.bundle
        traceFile = file
        recipe = arguments.recipe
        self.limits = limits
        self.sources = sources
    }
}

private func find(
    _ program: Trace.Program, of trace: Trace, _ recipe: String, in manifest: Manifest
) throws -> Manifest.Artifact {
    let ofTier = manifest.artifacts.filter {
        $0.network == trace.network && $0.tier == trace.tier && $0.program == program.name
    }
    let ofRecipe = ofTier.filter { $0.recipe == recipe && $0.format == Selection.format }
    let found = ofRecipe.first(where: { $0.frame.orientation == trace.orientation })
    guard let artifact = found else {
        throw Fault(
            "the bundle has no \(trace.network) \(trace.tier) \(program.name) in "
                + "\(Selection.format) \(recipe), \(trace.orientation.rawValue)")
    }
    guard artifact.weightsDigest == trace.weightsDigest else {
        throw Fault(
            "\(artifact.path) has other weights than the trace; record the trace again")
    }
    let contract = program.contract
    guard artifact.contract.inputs == contract.inputs, artifact.contract.outputs == contract.outputs
    else {
        throw Fault(
            "\(artifact.path) takes or gives other tensors than the trace; record the trace again")
    }
    return artifact
}

private func packed(_ artifact: Manifest.Artifact, in manifest: Manifest) throws -> Source {
    for package in manifest.packages {
        if let function = package.functions.first(where: { $0.value == artifact.path })?.key {
            return Source(artifact, function, of: package)
        }
    }
    throw Fault("no package holds \(artifact.path); run pocketmatte pack, or leave --packed out")
}
