#if canImport(CoreML)
import CoreML
import Foundation
import MatteCore

/// Runs the programs of one tier with Core ML.
public final class CoreMLEngine: Engine {
    public let delegateActual: String?
    private let compiled: [String: Compiled]
    private var models: [String: MLModel] = [:]

    private struct Compiled {
        let source: Source
        let url: URL
        let configuration: MLModelConfiguration
    }

    private init(_ compiled: [String: Compiled], delegateActual: String?) {
        self.compiled = compiled
        self.delegateActual = delegateActual
    }

    deinit {
        for one in compiled.values {  // of functions of one package the first removes it
            try? FileManager.default.removeItem(at: one.url)
        }
    }

    /// Compile the packages of a bundle, as Xcode does when it builds an app; nothing is loaded.
    public static func make(
        _ sources: [Source], in bundle: URL, on delegate: Delegate
    ) async throws -> CoreMLEngine {
        var urls: [String: URL] = [:]
        var compiled: [String: Compiled] = [:]
        var placements: [Delegate?] = []
        for source in sources {
            let url: URL
            if let known = urls[source.path] {
                url = known
            } else {
                url = try await MLModel.compileModel(at: try inside(bundle, source.path))
                urls[source.path] = url
            }
            let configuration = try settings(source.function, delegate)
            placements.append(
                try await placement(of: url, configuration, function: source.function))
            compiled[source.program] = Compiled(
                source: source, url: url, configuration: configuration)
        }
        return CoreMLEngine(compiled, delegateActual: together(placements))
    }

    public func load(_ program: String) throws {
        guard let one = compiled[program] else { throw Fault("no program \(program) was compiled") }
        models[program] = try MLModel(contentsOf: one.url, configuration: one.configuration)
    }

    public func run(_ program: String, _ inputs: [Tensor]) throws -> [Tensor] {
        guard let model = models[program], let source = compiled[program]?.source else {
            throw Fault("\(program) is not loaded")
        }
        // Core ML's objects would otherwise stay until the whole run is over.
        return try autoreleasepool { () throws -> [Tensor] in
            var features: [String: Any] = [:]
            for (feature, tensor) in zip(source.inputs, inputs) {
                features[feature.name] = try multiArray(tensor, feature.dtype)
            }
            let given = try MLDictionaryFeatureProvider(dictionary: features)
            let found = try model.prediction(from: given)
            var outputs: [Tensor] = []
            for feature in source.outputs {
                guard let array = found.featureValue(for: feature.name)?.multiArrayValue else {
                    throw Fault("\(program) gave no \(feature.name); build it again")
                }
                outputs.append(try tensor(array, named: feature.name))
            }
            return outputs
        }
    }

    private static func settings(
        _ function: String?, _ delegate: Delegate
    ) throws -> MLModelConfiguration {
        let configuration = MLModelConfiguration()
        configuration.computeUnits = delegate.computeUnits
        if let function {
            guard #available(iOS 18.0, macOS 15.0, *) else {
                throw Fault("function \(function) needs iOS 18 or macOS 15; leave --packed out")
            }
            configuration.functionName = function
        }
        return configuration
    }
}
#endif
