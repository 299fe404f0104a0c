import type { Command } from 'commander'
import { findFleet, findRelease, inQuery, rows } from '../../find.ts'
import { ask } from '../../http.ts'
import { wholeNumber } from '../../options.ts'
import { colourful, printFacts, printJson, printTable, remark, say } from '../../output.ts'
import { readSettings } from '../../settings.ts'
import { timeText, tookText } from '../../times.ts'
import { rebuildRelease } from './rebuild.ts'

export function releaseCommand(program: Command): void {
  const release = program
    .command('release')
    .summary('what builds made: list, look at, build again, finalize')
    .description('releases: name them by commit (7 digits are enough), version or id')
  for (const command of [
    listReleases,
    showRelease,
    releaseLogs,
    rebuildRelease,
    finalizeRelease,
    invalidateRelease,
  ])
    command(release)
}

function listReleases(release: Command): void {
  release
    .command('list <fleet>')
    .alias('ls')
    .description('the newest releases of a fleet')
    .option('-n, --number <n>', 'how many', wholeNumber, 20)
    .option('--json', 'print JSON')
    .action(async (name: string, options: { number: number; json?: boolean }) => {
      const settings = readSettings()
      const fleet = await findFleet(settings, name)
      const releases = await rows(
        settings,
        inQuery(
          `release?$filter=belongs_to__application eq ${fleet.id}&$orderby=id desc&$top=${options.number}&$select=id,commit,status,raw_version,is_final,is_invalidated,created_at,start_timestamp,end_timestamp`,
        ),
      )
      if (options.json) return printJson(releases)
      if (releases.length === 0)
        return say('There is no release yet. Push one with git, or with: copal push <fleet>')
      printTable(
        ['COMMIT', 'VERSION', 'STATUS', 'CREATED', 'TOOK'],
        releases.map((each) => [
          each.commit.slice(0, 7),
          each.raw_version,
          statusOf(each),
          timeText(each.created_at),
          took(each),
        ]),
      )
    })
}

function showRelease(release: Command): void {
  release
    .command('show <release>')
    .description('one release: its services and images')
    .option('-f, --fleet <fleet>', 'of this fleet')
    .option('--json', 'print JSON')
    .action(async (name: string, options: { fleet?: string; json?: boolean }) => {
      const settings = readSettings()
      const fleet = options.fleet ? await findFleet(settings, options.fleet) : undefined
      const query =
        '$select=id,commit,status,raw_version,is_final,is_invalidated,source,created_at,start_timestamp,end_timestamp,note&$expand=belongs_to__application($select=slug),release_tag($select=tag_key,value)' +
        ',release_image($select=id;$expand=image($select=id,content_hash,image_size,status,project_type;$expand=is_a_build_of__service($select=service_name)))'
      const found = await findRelease(settings, name, query, fleet)
      if (options.json) return printJson(found)
      printFacts({
        release: found.commit,
        id: found.id,
        fleet: found.belongs_to__application[0]?.slug,
        version: found.raw_version,
        status: statusOf(found),
        created: timeText(found.created_at),
        took: took(found),
        note: found.note,
        tags: found.release_tag.map((tag: any) => `${tag.tag_key}=${tag.value}`).join(', '),
      })
      if (found.release_image.length === 0) return
      say('')
      printTable(
        ['SERVICE', 'STATUS', 'SIZE', 'DIGEST'],
        found.release_image.map(({ image: [image] }: any) => [
          image.is_a_build_of__service[0]?.service_name,
          image.status,
          image.image_size && `${(Number(image.image_size) / 1e6).toFixed(1)} MB`,
          image.content_hash?.slice(0, 19),
        ]),
      )
    })
}

function releaseLogs(release: Command): void {
  release
    .command('logs <release>')
    .description('what its build printed')
    .option('-f, --fleet <fleet>', 'of this fleet')
    .option('--json', 'print JSON')
    .action(async (name: string, options: { fleet?: string; json?: boolean }) => {
      const settings = readSettings()
      const fleet = options.fleet ? await findFleet(settings, options.fleet) : undefined
      const found = await findRelease(settings, name, '$select=id,commit,status,build_log', fleet)
      if (options.json) return printJson(found)
      if (!found.build_log)
        return remark(
          found.status === 'running'
            ? 'It is being built: follow it with copal build follow'
            : 'There is no log.',
        )
      process.stdout.write(colourful(found.build_log).replace(/\n?$/, '\n'))
    })
}

function finalizeRelease(release: Command): void {
  release
    .command('finalize <release>')
    .description('make a draft final: it gets its revision, and fleets that follow the latest move to it')
    .option('-f, --fleet <fleet>', 'of this fleet')
    .action(async (name: string, options: { fleet?: string }) => {
      const settings = readSettings()
      const fleet = options.fleet ? await findFleet(settings, options.fleet) : undefined
      const found = await findRelease(settings, name, undefined, fleet)
      await ask(settings, `/v7/release(${found.id})`, { method: 'PATCH', body: { is_final: true } })
      say(`Release ${found.commit.slice(0, 7)} is final.`)
    })
}

function invalidateRelease(release: Command): void {
  for (const [verb, is_invalidated, says] of [
    ['invalidate', true, 'no fleet follows it any more'],
    ['validate', false, 'fleets may follow it again'],
  ] as const)
    release
      .command(`${verb} <release>`)
      .description(says)
      .option('-f, --fleet <fleet>', 'of this fleet')
      .action(async (name: string, options: { fleet?: string }) => {
        const settings = readSettings()
        const fleet = options.fleet ? await findFleet(settings, options.fleet) : undefined
        const found = await findRelease(settings, name, undefined, fleet)
        await ask(settings, `/v7/release(${found.id})`, { method: 'PATCH', body: { is_invalidated } })
        say(`Release ${found.commit.slice(0, 7)}: ${says}.`)
      })
}

const statusOf = (release: any) =>
  release.status +
  (release.is_invalidated
    ? ', invalidated'
    : release.status === 'success' && !release.is_final
      ? ', draft'
      : '')

const took = (release: any) => tookText(release.start_timestamp, release.end_timestamp)
