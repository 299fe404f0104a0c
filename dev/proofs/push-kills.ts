import { killPushes } from '../../e2e/kill-pushes.ts'
import { startPlatform } from '../../e2e/platform.ts'
import { spread } from '../bench/median.ts'
import { table, type Proof } from './proof.ts'

const seconds = (ms: number) => (ms / 1000).toFixed(1)

export const pushKills: Proof = {
  title: 'The server is killed during pushes',
  claim: `The server is ended with SIGKILL at a random moment of a \`git push\`, spread over the time that a push takes. Each time the
push has happened wholly (branch, release and blobs), or not at all, and then the same push succeeds. A clone is what the branch says and passes
\`git fsck\`, every blob is what its digest says, and the device comes to run what was pushed. In the end no release and no build is left
"running".`,
  async run(times, say) {
    await using platform = await startPlatform()
    const { kills, usual, blobs } = await killPushes(platform, times, say)
    const back = spread(kills.map((kill) => kill.back))
    const repeated = kills.filter((kill) => kill.repeated > 0).map((kill) => kill.repeated)
    const again = repeated.length > 0 ? spread(repeated) : undefined
    const counts = Map.groupBy(kills, ({ outcome }) => outcome)
    return [
      `A push took ${seconds(usual)} s. Of ${times} pushes:`,
      [...counts].map(([outcome, list]) => `- ${list.length} ${outcome}`).join('\n'),
      `The server answered again after ${seconds(back.median)} s (at most ${seconds(back.max)} s).` +
        (again ? ` A repeated push took ${seconds(again.median)} s (at most ${seconds(again.max)} s).` : '') +
        ` ${blobs} blobs were verified at the end.`,
      table(
        ['kill', 'after, s', 'the push', 'server back after, s', 'push repeated in, s'],
        kills.map(({ after, outcome, back, repeated }, index) => [
          index + 1,
          seconds(after),
          outcome,
          seconds(back),
          repeated ? seconds(repeated) : '',
        ]),
      ),
    ].join('\n\n')
  },
}
