import type { Command } from 'commander'
import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { confirmed } from '../confirm.ts'
import { ask } from '../http.ts'
import { say } from '../output.ts'
import { Problem } from '../problem.ts'
import { readSettings } from '../settings.ts'

export function trustCommand(program: Command): void {
  program
    .command('trust')
    .summary("install the platform's certificate authority here")
    .description(
      "install the platform's certificate authority on this machine, so that git, docker and browsers trust it",
    )
    .option('--print', 'only print it')
    .option('-y, --yes', 'do not ask')
    .action(async (options: { print?: boolean; yes?: boolean }) => {
      const settings = readSettings()
      const pem: string = await ask(settings, '/ca.pem')
      if (options.print) return void process.stdout.write(pem)
      const { fingerprint256 } = new X509Certificate(pem)
      await confirmed(options.yes, `Trust the authority ${fingerprint256} for all programs on this machine?`)
      install(pem, new URL(settings.url).hostname)
      say('Installed. Programs that run already may need to be started again.')
    })
}

function install(pem: string, host: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'copal-trust-'))
  try {
    const file = join(folder, 'ca.crt')
    writeFileSync(file, pem)
    const steps =
      process.platform === 'darwin'
        ? [
            [
              'security',
              'add-trusted-cert',
              '-d',
              '-r',
              'trustRoot',
              '-k',
              '/Library/Keychains/System.keychain',
              file,
            ],
          ]
        : existsSync('/usr/sbin/update-ca-certificates')
          ? [
              ['install', '-m', '644', file, `/usr/local/share/ca-certificates/copal-${host}.crt`],
              ['update-ca-certificates'],
            ]
          : existsSync('/usr/bin/update-ca-trust')
            ? [
                ['install', '-m', '644', file, `/etc/pki/ca-trust/source/anchors/copal-${host}.pem`],
                ['update-ca-trust'],
              ]
            : undefined
    if (!steps)
      throw new Problem(
        'cannot tell how this system keeps its authorities · print the certificate with --print and install it by hand',
      )
    const sudo = process.getuid?.() === 0 ? [] : ['sudo']
    for (const step of steps) {
      const [command, ...args] = [...sudo, ...step]
      const done = spawnSync(command!, args, { stdio: ['inherit', 'ignore', 'inherit'] })
      if (done.status !== 0) throw new Problem(`cannot install the certificate: ${step.join(' ')} failed`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
