// Prints docs/settings.md from the table in server/src/config.ts: `node dev/settings-page.ts > docs/settings.md`.
import { settings } from '../server/src/config.ts'

export function settingsPage(): string {
  const rows = Object.entries(settings).map(([name, setting]) => {
    const standard = 'default' in setting && setting.default !== '' ? `\`${setting.default}\`` : ''
    return `| \`${name}\` | ${standard} | ${setting.sentence} |`
  })
  return `# Settings

All come from the environment. This page is printed from \`server/src/config.ts\` by \`node dev/settings-page.ts\`.

| name | default | |
|---|---|---|
${rows.join('\n')}
`
}

if (process.argv[1] === import.meta.filename) process.stdout.write(settingsPage())
