import Foundation
import PackagePlugin

/// Fails the build of a target whose files are not what its lock takes.
///
/// It checks and does not copy: what a plugin makes is flattened into one folder, and a Core ML
/// package is a folder of its own. The files lie in the target, and `deliver` brings them there.
@main
struct MatteCheck: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: Target) throws -> [Command] {
        let folder = URL(fileURLWithPath: target.directory.string, isDirectory: true)
        let settings = try Settings.read(in: folder)
        let nothing = context.pluginWorkDirectory.appending("nothing")
        return [
            .prebuildCommand(
                displayName: "What the lock of \(target.name) takes",
                executable: Path(settings.python),
                arguments: settings.words(in: folder),
                environment: settings.environment(in: folder),
                outputFilesDirectory: nothing
            )
        ]
    }
}
