package org.pocketmatte.harness.gradle

import com.android.build.api.variant.AndroidComponentsExtension
import org.gradle.api.Plugin
import org.gradle.api.Project

/** Puts what a lock takes into each variant of an app, before its assets are merged. */
class DeliveryPlugin : Plugin<Project> {
    override fun apply(project: Project) {
        val given = project.extensions.create("pocketmatte", DeliveryExtension::class.java)
        given.python.convention("python3")
        given.frozen.convention(false)
        given.folder.convention("matte")
        given.networks.convention(emptyList())
        project.pluginManager.withPlugin("com.android.application") { wire(project, given) }
    }

    private fun wire(project: Project, given: DeliveryExtension) {
        val components = project.extensions.getByType(AndroidComponentsExtension::class.java)
        val checked = lazy { addPacks(project, given) }
        components.onVariants(components.selector().all()) { variant ->
            val assets = variant.sources.assets
            if (assets != null && given.packs.isPresent) {
                checked.value
                val app = given.packs.get().asFile.resolve("app")
                // One that is not there yet would fail the sync, before anybody could write it.
                if (app.isDirectory) assets.addStaticSourceDirectory(app.path)
            } else if (assets != null) {
                val name = taskName(variant.name)
                val task = project.tasks.register(name, DeliverTask::class.java) {
                    it.fill(project, given)
                }
                assets.addGeneratedSourceDirectory(task) { it.out }
            }
        }
    }

    private fun DeliverTask.fill(project: Project, given: DeliveryExtension) {
        python.set(given.python)
        sources.set(given.sources)
        program.from(
            project.fileTree(given.sources) { tree ->
                tree.include("pocketmatte/**/*.py", "tiers/**/*.py", "export/**/*.py")
                tree.include("pocketmatte/devices.toml", "pocketmatte/devices.json")
                tree.include("pocketmatte/cost_model/*.json")
            }
        )
        lock.set(given.lock)
        bundle.set(given.bundle)
        policy.set(given.policy)
        results.from(given.results)
        networks.set(given.networks)
        neighbours.set(given.neighbours)
        frozen.set(given.frozen)
        folder.set(given.folder)
    }

    /** Adds the two tasks of packs, and lets every build check them. */
    private fun addPacks(project: Project, given: DeliveryExtension) {
        val check = project.tasks.register("checkMattePacks", PacksTask::class.java) {
            it.command.set(project.provider { given.packsCommand(check = true) })
            it.from.set(project.projectDir)
        }
        project.tasks.register("updateMattePacks", PacksTask::class.java) {
            it.command.set(project.provider { given.packsCommand(check = false) })
            it.from.set(project.projectDir)
        }
        project.tasks.configureEach { if (it.name == "preBuild") it.dependsOn(check) }
    }
}

/** `debug` is delivered by `deliverDebugMatte`. */
internal fun taskName(variant: String): String =
    "deliver" + Character.toTitleCase(variant[0]) + variant.substring(1) + "Matte"

/** What is asked for packs; the files are those of the extension. */
internal fun DeliveryExtension.packsCommand(check: Boolean): DeliverCommand = DeliverCommand(
    python = python.get(),
    sources = sources.get().asFile,
    lock = lock.get().asFile,
    bundle = bundle.get().asFile,
    out = packs.get().asFile,
    layout = DeliverCommand.AI_PACKS,
    delivery = delivery.orNull,
    policy = policy.orNull?.asFile,
    results = results.files.toList(),
    networks = networks.get(),
    neighbours = neighbours.orNull,
    frozen = frozen.get(),
    check = check
)
