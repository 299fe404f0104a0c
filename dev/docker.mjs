// Finds a Docker Engine, or installs and starts one. An engine of the user's own is used, never changed or stopped.
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fail, hasProgram, installDebian } from './install.mjs'

/**
 * Returns `{ host, isOurs, stop }`: the engine's address (`unix://…`), whether it is the one kept under `folder`, and how to stop
 * what was started here.
 * Without systemd, the daemon is started with data, socket and process id under `folder`.
 */
export async function startDocker(folder) {
  const nothing = async () => {}
  const given = process.env.COPAL_DOCKER_HOST ?? process.env.DOCKER_HOST
  if (given) {
    if (given.startsWith('unix://') && !(await answers(given.slice(7))))
      fail(`cannot reach the Docker Engine at ${given}`)
    return { host: given, isOurs: false, stop: nothing }
  }
  const usual = '/var/run/docker.sock'
  if (isForbidden(usual)) failForbidden()
  if (await answers(usual)) return { host: `unix://${usual}`, isOurs: false, stop: nothing }
  if (!hasProgram('dockerd')) {
    installDebian(['docker.io', 'iptables'], 'Docker Engine builds images and runs virtual devices')
    // Debian's package starts the service where systemd runs.
    for (let i = 0; i < 20 && existsSync('/run/systemd/system'); i++) {
      if (isForbidden(usual)) failForbidden()
      if (await answers(usual)) return { host: `unix://${usual}`, isOurs: false, stop: nothing }
      await sleep(500)
    }
  }
  if (existsSync('/run/systemd/system')) {
    spawnSync('systemctl', ['start', 'docker'], { stdio: 'ignore' })
    if (await untilAnswers(usual)) return { host: `unix://${usual}`, isOurs: false, stop: nothing }
    fail('cannot start Docker Engine · look at:  systemctl status docker')
  }
  if (process.getuid() !== 0) fail('cannot start dockerd without root · start it, or run this with sudo')
  return startDaemon(folder)
}

async function startDaemon(folder) {
  mkdirSync(folder, { recursive: true })
  const socket = join(folder, 'docker.sock')
  const pidFile = join(folder, 'docker.pid')
  const stop = () => stopPid(pidOf(pidFile))
  if (await answers(socket)) return { host: `unix://${socket}`, isOurs: true, stop }
  console.log('Starting Docker Engine …')
  const log = openSync(join(folder, 'docker.log'), 'a')
  const args = [
    '--data-root',
    join(folder, 'data'),
    '--exec-root',
    join(folder, 'exec'),
    '--host',
    `unix://${socket}`,
    '--pidfile',
    join(folder, 'dockerd.pid'),
    // Small networks, and many of them: the usual ranges are enough for 31, and each is refused where the machine has a route into it.
    ...['172.16.0.0/12', '192.168.0.0/16', '10.213.0.0/16'].flatMap((base) => [
      '--default-address-pool',
      `base=${base},size=24`,
    ]),
  ]
  const child = spawn('dockerd', args, { stdio: ['ignore', log, log], detached: true })
  writeFileSync(pidFile, String(child.pid))
  child.unref()
  if (await untilAnswers(socket)) return { host: `unix://${socket}`, isOurs: true, stop }
  await stop()
  return fail(
    `cannot start Docker Engine; its last lines:\n${readFileSync(join(folder, 'docker.log'), 'utf8').split('\n').slice(-6).join('\n')}`,
  )
}

function pidOf(file) {
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined
}

async function stopPid(pid) {
  const alive = () => {
    try {
      process.kill(pid, 0)
      return true
    } catch {
      return false
    }
  }
  if (!pid || !alive()) return
  process.kill(pid, 'SIGTERM')
  for (let i = 0; i < 300 && alive(); i++) await sleep(100)
}

/** The socket is there, and the person who types is neither root nor in its group. */
function isForbidden(socket) {
  if (!existsSync(socket)) return false
  try {
    accessSync(socket, constants.R_OK | constants.W_OK)
    return false
  } catch {
    return true
  }
}

function failForbidden() {
  const { username } = userInfo()
  fail(
    `cannot use Docker Engine as ${username}: its socket is for root and the group docker · type:  sudo usermod -aG docker ${username} && exec newgrp docker  and start again, or start with sudo`,
  )
}

function answers(socketPath) {
  return new Promise((done) => {
    const ping = request({ socketPath, path: '/_ping', timeout: 2000 }, (response) => {
      response.resume()
      done(response.statusCode === 200)
    })
    ping.once('error', () => done(false))
    ping.once('timeout', () => ping.destroy())
    ping.end()
  })
}

async function untilAnswers(socket) {
  for (let i = 0; i < 300; i++) {
    if (await answers(socket)) return true
    await sleep(100)
  }
  return false
}
