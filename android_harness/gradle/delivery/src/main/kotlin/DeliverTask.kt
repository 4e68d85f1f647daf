package org.pocketmatte.harness.gradle

import org.gradle.api.DefaultTask
import org.gradle.api.GradleException
import org.gradle.api.file.ConfigurableFileCollection
import org.gradle.api.file.DirectoryProperty
import org.gradle.api.file.RegularFileProperty
import org.gradle.api.provider.ListProperty
import org.gradle.api.provider.Property
import org.gradle.api.tasks.CacheableTask
import org.gradle.api.tasks.Input
import org.gradle.api.tasks.InputDirectory
import org.gradle.api.tasks.InputFile
import org.gradle.api.tasks.InputFiles
import org.gradle.api.tasks.Internal
import org.gradle.api.tasks.Optional
import org.gradle.api.tasks.OutputDirectory
import org.gradle.api.tasks.PathSensitive
import org.gradle.api.tasks.PathSensitivity
import org.gradle.api.tasks.TaskAction

/** Writes what a lock takes; the build fails with the reason where it is stale or a file is not. */
@CacheableTask
abstract class DeliverTask : DefaultTask() {
    /** Where Python is differs from machine to machine and changes nothing of what is written. */
    @get:Internal
    abstract val python: Property<String>

    @get:Internal
    abstract val sources: DirectoryProperty

    /** The files of `sources` that decide what is written. */
    @get:InputFiles
    @get:PathSensitive(PathSensitivity.RELATIVE)
    abstract val program: ConfigurableFileCollection

    @get:InputFile
    @get:PathSensitive(PathSensitivity.NONE)
    abstract val lock: RegularFileProperty

    @get:InputDirectory
    @get:PathSensitive(PathSensitivity.RELATIVE)
    abstract val bundle: DirectoryProperty

    @get:Optional
    @get:InputFile
    @get:PathSensitive(PathSensitivity.NONE)
    abstract val policy: RegularFileProperty

    @get:InputFiles
    @get:PathSensitive(PathSensitivity.NAME_ONLY)
    abstract val results: ConfigurableFileCollection

    @get:Input
    abstract val networks: ListProperty<String>

    @get:Optional
    @get:Input
    abstract val neighbours: Property<Int>

    @get:Input
    abstract val frozen: Property<Boolean>

    /** The folder below `out` that the files go to: the app opens them there. */
    @get:Input
    abstract val folder: Property<String>

    @get:OutputDirectory
    abstract val out: DirectoryProperty

    /** Deliver. */
    @TaskAction
    fun deliver() {
        val assets = AssetsFolder(out.get().asFile, folder.get())
        assets.fault()?.let { throw GradleException("pocketmatte: $it") }
        assets.clearOthers()
        val command = DeliverCommand(
            python = python.get(),
            sources = sources.get().asFile,
            lock = lock.get().asFile,
            bundle = bundle.get().asFile,
            out = assets.place,
            layout = DeliverCommand.ASSETS,
            policy = policy.orNull?.asFile,
            results = results.files.toList(),
            networks = networks.get(),
            neighbours = neighbours.orNull,
            frozen = frozen.get()
        )
        Ran.of(command, temporaryDir).reason()?.let { throw GradleException("pocketmatte: $it") }
    }
}
