// A small Node.js project that says its version, on port 80 of the device and in its log.
import { request } from 'node:http'
import { until, type Device } from './platform.ts'

const minute = 60_000

/** Its files. The version is one line of the source: changing it is a one-line change. */
export function smallApp(version: string): Record<string, string> {
  return {
    'Dockerfile.template': `FROM copal/%%BALENA_ARCH%%-node:20
WORKDIR /app
COPY package.json ./
RUN npm install --omit=dev --no-audit --no-fund
COPY server.js ./
CMD ["node", "server.js"]
`,
    'package.json':
      '{ "name": "small", "private": true, "type": "module", "dependencies": { "ms": "2.1.3" } }\n',
    'server.js': smallSource(version),
  }
}

export function smallSource(version: string): string {
  return `import { createServer } from 'node:http'
const version = '${version}'
createServer((_, response) => response.end(version)).listen(80, () => console.log(\`this is \${version}\`))
process.once('SIGTERM', () => process.exit(0))
`
}

/** What port 80 of the device answers now; undefined when it does not. */
export function answerOf(device: Device): Promise<string | undefined> {
  return new Promise((done) => {
    const asked = request(device.address, { agent: false, timeout: 1000 }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.once('close', () => done(text))
    })
    asked.once('error', () => done(undefined))
    asked.once('timeout', () => asked.destroy())
    asked.end()
  })
}

/** Resolves when port 80 of the device answers `version`. */
export async function untilAnswers(device: Device, version: string, within = 3 * minute): Promise<void> {
  await until(
    async () => (await answerOf(device)) === version,
    within,
    async () =>
      `the device does not answer ${version}, but ${await answerOf(device)}; its log ends:\n${(await device.logs()).slice(-20).join('\n')}`,
  )
}

/** Resolves when the device says that it runs this commit, all of it. */
export async function untilRuns(device: Device, commit: string, within = 3 * minute): Promise<void> {
  await until(
    async () => {
      const found = await device.show()
      const installs = found.image_install.filter(
        (install: any) => install.is_provided_by__release[0]?.commit === commit,
      )
      return (
        found.is_running__release[0]?.commit === commit &&
        installs.length > 0 &&
        installs.every((install: any) => install.status === 'Running')
      )
    },
    within,
    async () =>
      `the device does not run ${commit}: ${JSON.stringify(await device.show(), null, 1)}\n${(await device.logs()).slice(-30).join('\n')}`,
  )
}
