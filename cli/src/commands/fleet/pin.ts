import type { Command } from 'commander'
import { findFleet, findRelease } from '../../find.ts'
import { ask } from '../../http.ts'
import { say } from '../../output.ts'
import { Problem } from '../../problem.ts'
import { readSettings } from '../../settings.ts'

export function pinFleet(fleet: Command): void {
  fleet
    .command('pin <fleet> <release>')
    .description('keep a fleet on one release (commit or version); pushes no longer move it')
    .action(async (name: string, releaseName: string) => {
      const settings = readSettings()
      const found = await findFleet(settings, name)
      const release = await findRelease(settings, releaseName, undefined, found)
      if (release.status !== 'success')
        throw new Problem(
          `cannot pin ${found.slug} to ${release.commit.slice(0, 7)}: that release ended as ${release.status} · see: copal release logs ${release.commit.slice(0, 7)}`,
        )
      await ask(settings, `/v7/application(${found.id})`, {
        method: 'PATCH',
        body: { should_be_running__release: release.id, should_track_latest_release: false },
      })
      say(
        `${found.slug} stays on ${release.raw_version} (${release.commit.slice(0, 7)}). Undo with: copal fleet track ${found.slug}`,
      )
    })
}

export function trackFleet(fleet: Command): void {
  fleet
    .command('track <fleet>')
    .description('let a fleet follow its latest release again')
    .action(async (name: string) => {
      const settings = readSettings()
      const found = await findFleet(settings, name)
      await ask(settings, `/v7/application(${found.id})`, {
        method: 'PATCH',
        body: { should_track_latest_release: true },
      })
      say(`${found.slug} follows the latest release.`)
    })
}
