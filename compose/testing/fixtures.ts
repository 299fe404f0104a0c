// What becomes of each project in compose/fixtures, for a fleet `kiosk` of `genericx86-64-ext` (amd64) unless said otherwise. Tests of reading
// go through it, and so do those that build them for real.

/** What is to be seen of a service, beyond that its image was built. What is absent may be anything. */
export interface Made {
  /** `image.project_type`. */
  kind?: string
  /** In the image. */
  command?: string[] | null
  entrypoint?: string[] | null
  /** Some of the image's. */
  labels?: Record<string, string>
  env?: string[]
  /** All that an image from nothing holds, links by `path -> target`. */
  files?: string[]
  /** In the lines of the service. */
  printed?: RegExp
  /** Some of those that the device adds: labels and variables of the compose file. */
  deviceLabels?: Record<string, string>
  deviceEnv?: Record<string, string>
}

export type Fate =
  /** Builds from Copal's own bases or from nothing. */
  | { builds: true; projectDirectory?: string; version?: string; made: Record<string, Made> }
  /** Reads well; needs images from elsewhere to build. */
  | { builds: false; from: string[] }
  /** Is answered with a sentence. */
  | { refused: RegExp }

/** By service; a project without a compose file has `main`. */
const builds = (
  made: Record<string, Made> = {},
  more: { projectDirectory?: string; version?: string } = {},
): Fate => ({
  builds: true,
  made,
  ...more,
})
const chosen = (label: string): Record<string, string> => ({ chosen: label })

export const FATES: Readonly<Record<string, Fate>> = {
  // Seen in half of all projects or more.
  'compose-header': builds({
    web: { kind: 'Standard Dockerfile', command: ['/data.txt'], files: ['data.txt'] },
  }),
  'build-in-three-spellings': builds({
    web: { kind: 'Dockerfile.template', command: ['node', 'index.js'] },
    worker: { files: ['data.txt'] },
    top: { files: ['data.txt'] },
  }),
  'privileged-restart-ports': builds({ web: { kind: 'Dockerfile.template', command: ['node', 'index.js'] } }),
  'feature-labels': builds({
    web: { deviceLabels: { 'io.balena.features.supervisor-api': '1', 'io.balena.features.balena-api': '1' } },
  }),
  'named-volumes': builds(),
  'host-network': builds({ web: {}, db: {} }),
  template: builds({
    main: {
      kind: 'Dockerfile.template',
      command: ['node', 'index.js'],
      deviceLabels: { 'io.resin.features.dbus': '1' },
    },
  }),
  'template-without-variables': builds({ main: { kind: 'Dockerfile.template', files: ['data.txt'] } }),
  'usual-bases': { builds: false, from: ['balenalib/genericx86-64-ext-node:16-bullseye-run'] },
  contract: builds({ main: {} }, { version: '1.2.3' }),

  // Seen in a fifth to a half.
  'depends-on-list': builds({ web: {}, db: {} }),
  'environment-map-and-list': builds({
    map: { deviceEnv: { VERSION: '1.10', EMPTY: '', TITLE: 'two words' } },
    list: { deviceEnv: { QUOTED: '"x"', URL: 'http://a/?b=c' } },
  }),
  'image-only-service': {
    builds: false,
    from: [`postgres:17@sha256:${'ab'.repeat(32)}`, 'bh.cr/balenalabs/browser-aarch64/2.8.1'],
  },
  capabilities: builds({ vpn: {} }),
  'multi-stage': builds({ main: { command: ['node', '/app/out.js'] } }),
  'variables-outside-from': builds({
    main: {
      env: ['MACHINE=genericx86-64-ext', 'FLEET=kiosk'],
      printed: /^built for amd64 as main of [0-9a-f]{32}$/m,
    },
  }),
  'official-images': { builds: false, from: ['node:20-alpine', 'nginx'] },
  'install-packages': builds({ main: { command: ['hello'], printed: /balena-idle$/m } }),
  dockerignore: builds({ main: { files: ['all/.dockerignore', 'all/Dockerfile', 'all/docs/keep.md'] } }),
  'argument-before-and-in-from': builds({ web: { command: ['node', '--version'], printed: /^20$/m } }),
  'build-target': builds({ web: { labels: { word: 'moin' }, files: ['data.txt'] } }),
  'no-command': builds({ main: { kind: 'Dockerfile.template' } }),
  'contract-variables': builds(),
  'shared-volume': builds({ writer: {}, reader: {} }),

  // YAML.
  'yaml-merge-keys': builds({ one: {}, two: {} }),
  'yaml-core-not-1.1': builds({
    web: { deviceEnv: { COUNTRY: 'no', ANSWER: 'yes', MODE: '0755', TIME: '12:30:45' } },
  }),

  // Templates.
  'template-comment-with-unknown-name': builds(),
  'template-unknown-name': {
    refused: /^cannot fill in %%BALENA_COLOUR%% \(Dockerfile\.template, line 3, service main\)/,
  },
  'plain-file-is-no-template': builds({
    main: { kind: 'Standard Dockerfile', labels: { format: '%%NAME%%' } },
  }),

  // Choice of Dockerfile.
  'dockerfile-device-type-first': builds({
    main: { kind: 'Architecture-specific Dockerfile', labels: chosen('genericx86-64-ext') },
  }),
  'dockerfile-arch-before-template': builds({
    main: { kind: 'Architecture-specific Dockerfile', labels: chosen('amd64') },
  }),
  'dockerfile-template-before-plain': builds({
    main: { kind: 'Dockerfile.template', labels: chosen('template') },
  }),
  'dockerfile-explicit-template': builds({
    web: { kind: 'Dockerfile.template', labels: chosen('amd64') },
    other: { labels: chosen('other'), files: ['data.txt'] },
  }),
  'dockerfile-explicit-other-device-type': builds({ web: { labels: chosen('jetson on amd64') } }),
  'dockerfile-for-other-processors': {
    refused:
      /^cannot find a Dockerfile \(service main\): there is none for genericx86-64-ext \(amd64\), only for jetson-nano, rpi/,
  },
  'dockerfile-siblings': builds({ main: { labels: chosen('plain') } }),
  'package-json-only': builds({ main: { kind: 'NodeJS', command: ['npm', 'start'] } }),

  // Ignore files.
  'ignore-names-what-builds': builds({
    one: { files: ['.dockerignore', 'Dockerfile', 'data.txt', 'docker-compose.yml'] },
  }),
  'ignore-per-service': builds({
    one: { files: ['Dockerfile', 'data.txt'] },
    two: { files: ['.dockerignore', 'Dockerfile', 'data.txt'] },
  }),
  'ignore-per-dockerfile': builds({
    main: { files: ['.dockerignore', 'Dockerfile', 'Dockerfile.dockerignore', 'data.txt'] },
  }),

  // Labels.
  'labels-as-list': builds({
    web: {
      deviceLabels: { 'io.balena.features.dbus': '1', 'io.balena.features.sysfs': '1', 'some.name': '' },
    },
  }),
  'labels-old-names': builds({ web: { deviceLabels: { 'io.resin.features.balena-socket': '1' } } }),
  'labels-of-others': builds({
    web: {
      deviceLabels: {
        'traefik.enable': 'true',
        'traefik.http.routers.web.rule': 'Host(`kiosk.example`) && PathPrefix(`/$v`)',
      },
    },
  }),
  'labels-that-require': builds(),

  // `$` in compose files.
  'dollar-from-dot-env': builds({
    web: { deviceEnv: { TITLE: 'Kiosk 8080', NAME: 'a $b', LEVEL: 'info', HOME: '' } },
  }),
  'dollar-in-commands': builds(),
  'dollar-doubled': builds({ web: { deviceEnv: { HASH: '$2y$10$abc', PRICE: '5$' } } }),

  // Links.
  'link-dangling': builds({
    main: {
      files: [
        'Dockerfile',
        'absolute -> /home/somebody/notes',
        'broken -> nowhere/at/all',
        'data.txt',
        'up -> ../../../etc/passwd',
      ],
    },
  }),
  'link-dot-env-absolute': builds(),
  'link-env-file-out': {
    refused: /^cannot follow the link settings\.env .* points to .* outside of the project/,
  },
  'link-env-file-inside': builds({ web: { deviceEnv: { A: '1', B: 'from compose' } } }),
  'link-ignore-file-out': { refused: /^cannot follow the link \.dockerignore .* points to \/etc\/hostname/ },
  'link-ignore-file-inside': builds({
    web: { files: ['.dockerignore -> ../shared.ignore', 'Dockerfile', 'data.txt'] },
  }),
  'link-folder-as-context': builds({ web: { files: ['data.txt'] } }),

  // `.balena/`.
  'build-settings': builds({ main: { kind: 'Dockerfile.template' } }),
  'build-secret-missing': {
    refused: /^cannot use build-secrets\.global\[0\] .* there is no file \.balena\/secrets\/key/,
  },
  'build-settings-twice': { refused: /both \.balena and \.resin/ },

  // Others.
  'image-beside-build': builds({ proxy: { kind: 'Standard Dockerfile', files: ['data.txt'] } }),
  'stage-for-each-processor': builds({ main: { command: ['node', '--version'] } }),
  'several-projects': builds(
    { web: {}, shared: { files: ['data.txt'] } },
    { projectDirectory: 'apps/kiosk' },
  ),
  'buildkit-features': builds({
    main: {
      command: ['/bin/sh', '-c', 'echo shell form'],
      env: ['ONE=two words'],
      printed: /^not in the layer\n[^]*^\/opt\/a 700 0\n\/opt\/b 644 1000\n\/opt\/c 644 0$/m,
    },
  }),
  'parser-corners': builds({
    main: {
      entrypoint: null,
      command: ['node', '--version'],
      env: ['KEY=value with blanks'],
      printed: /^hello world$/m,
    },
  }),
  crlf: builds({
    web: {
      command: ['/x'],
      files: ['.dockerignore', 'Dockerfile', 'data.txt', 'docker-compose.yml', 'web.env'],
      deviceEnv: { A: '1', B: '2' },
    },
  }),
  'executable-file': builds({ main: { command: ['/start.sh', 'run'], printed: /^built$/m } }),
  'folder-of-a-submodule': { refused: /there is no folder web · git submodules are not fetched/ },
  'refused-key': {
    refused:
      /^cannot use services\.web\.logging \(docker-compose\.yml, line 5, service web\): the device collects the logs/,
  },
  'host-folder': {
    refused:
      /^cannot use services\.web\.volumes\[0\] \(docker-compose\.yml, line 6, service web\): \.\/data would be a folder of the device/,
  },
  'host-paths-that-are-features': builds({
    web: {
      deviceLabels: {
        'io.balena.features.dbus': '1',
        'io.balena.features.balena-socket': '1',
        'io.balena.features.kernel-modules': '1',
      },
    },
  }),
  'dependency-conditions': builds({ web: {}, db: {}, setup: {}, log: {} }),
}
