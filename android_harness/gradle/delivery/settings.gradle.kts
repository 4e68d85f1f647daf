// A build of its own, so that an app can apply the plugin: includeBuild names this folder.
pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositories {
        google()
        mavenCentral()
    }
    versionCatalogs {
        val catalog = "libs"
        create(catalog) {
            from(files("../$catalog.versions.toml"))
        }
    }
}

rootProject.name = "pocketmatte-delivery"
