import Foundation

public enum Orientation: String, Codable, Sendable {
    case landscape, portrait
}

/// Of a bundle's manifest, docs/manifest.schema.json, what a run needs.
public struct Manifest: Decodable, Sendable {
    public let artifacts: [Artifact]
    public let packages: [Package]

    /// An input or output as the file holds it.
    public struct Feature: Decodable, Sendable {
        public enum Dtype: String, Decodable, Sendable {
            case float16, float32
        }

        public let name: String
        public let shape: [Int]
        public let dtype: Dtype
    }

    public struct Frame: Decodable, Sendable {
        public let orientation: Orientation
    }

    /// One exported program.
    public struct Artifact: Decodable, Sendable {
        public let path: String
        public let network: String
        public let tier: String
        public let program: String
        public let format: String
        public let recipe: String
        public let sha256: String
        public let sizeBytes: Int
        public let frame: Frame
        public let inputs: [Feature]
        public let outputs: [Feature]
        public let states: [Trace.State]
        public let weightsDigest: String

        enum CodingKeys: String, CodingKey {
            case path, network, tier, program, format, recipe, sha256
            case sizeBytes = "size_bytes"
            case frame, inputs, outputs, states
            case weightsDigest = "weights_digest"
        }

        public var contract: Contract {
            Contract(
                name: program,
                inputs: inputs.map { Trace.Shape(name: $0.name, shape: $0.shape) },
                outputs: outputs.map { Trace.Shape(name: $0.name, shape: $0.shape) },
                states: states)
        }
    }

    /// Several artifacts of one tier as the functions of one Core ML package.
    public struct Package: Decodable, Sendable {
        public let path: String
        public let sha256: String
        public let sizeBytes: Int
        public let functions: [String: String]  // path of the artifact that each was made from

        enum CodingKeys: String, CodingKey {
            case path, sha256
            case sizeBytes = "size_bytes"
            case functions
        }
    }

    /// The program of a step: that of the file which the step names and whose hash was looked at.
    public func program(of step: HeldStep) throws -> Artifact {
        guard step.format == Selection.format else {
            throw Fault(
                "\(step.tier) was chosen in \(step.format), and this app runs "
                    + "\(Selection.format) alone; name no other in the policy, and select again")
        }
        guard let path = step.files.first?.path, step.files.count == 1 else {
            throw Fault(
                "\(step.tier) is of \(step.files.count) programs, and this app runs one; "
                    + "choose another network")
        }
        guard let artifact = artifacts.first(where: { $0.path == path }) else {
            throw Fault("manifest.json has no \(path); bring the bundle again")
        }
        return artifact
    }

    /// Read and check the manifest of a bundle.
    public static func read(_ root: URL) throws -> Manifest {
        let url = root.appendingPathComponent("manifest.json")
        let data = try content(of: url, again: "give the folder that pocketmatte build wrote")
        let manifest = try decoded(
            Manifest.self, from: data, named: url.path, again: "build the bundle again")
        for artifact in manifest.artifacts {
            _ = try inside(root, artifact.path)
        }
        for package in manifest.packages {
            _ = try inside(root, package.path)
        }
        return manifest
    }
}
