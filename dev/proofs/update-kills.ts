import { killUpdates } from '../../e2e/kill-updates.ts'
import { startPlatform } from '../../e2e/platform.ts'
import { spread } from '../bench/median.ts'
import { table, type Proof } from './proof.ts'

const seconds = (ms: number) => (ms / 1000).toFixed(1)

export const updateKills: Proof = {
  title: 'The supervisor is killed during updates',
  claim: `The supervisor of a virtual device is ended with SIGKILL at a random moment of an update of two services, one with a volume. Each
time the device ends with exactly the containers, images and volume of the release that it should run: nothing is left over, and nothing
is there twice.`,
  async run(times, say) {
    await using platform = await startPlatform()
    const { kills, usual } = await killUpdates(platform, times, say)
    const healed = spread(kills.map((kill) => kill.healed))
    return [
      `An update takes ${seconds(usual)} s. After ${times} kills, the device was on target after ${seconds(healed.median)} s (at most ${seconds(healed.max)} s). Each line that a service printed was logged once.`,
      table(
        ['kill', 'after, s', 'last words', 'on target after, s'],
        kills.map(({ after, at, healed }, index) => [index + 1, seconds(after), at, seconds(healed)]),
      ),
    ].join('\n\n')
  },
}
