// The Docker Engine of tests, benches and proofs: one that runs on the machine, else one of their own.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startDocker } from './docker.mjs'
import { hasProgram, installDebian } from './install.mjs'

/**
 * Names the engine in `DOCKER_HOST` and `COPAL_DOCKER_HOST` of this process, and so of those that it starts.
 * Returns how to stop what was started.
 */
export async function startTestDocker() {
  const folder = process.env.COPAL_TEST_DOCKER_DIR ?? '/var/lib/copal-test-docker'
  const docker = await startDocker(folder)
  if (!hasProgram('docker')) installDebian(['docker-cli'], 'tests type docker commands') // Debian 13 has it apart
  process.env.DOCKER_HOST = process.env.COPAL_DOCKER_HOST = docker.host
  if (!docker.isOurs || !isFirst(join(folder, 'runner.pid'))) return async () => {}
  // A run that was killed leaves much behind, and address ranges and disks have an end. Images stay: they take long to make.
  empty()
  return async () => {
    empty()
    await docker.stop()
  }
}

/** False while another run uses the engine too, which will stop it. */
function isFirst(pidFile) {
  const other = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0
  if (other !== 0 && other !== process.pid && existsSync(`/proc/${other}`)) return false
  writeFileSync(pidFile, String(process.pid))
  return true
}

/** Containers, volumes and networks of the engine that is for tests alone. */
function empty() {
  const docker = (...args) => spawnSync('docker', args, { encoding: 'utf8' }).stdout ?? ''
  const containers = docker('ps', '--all', '--quiet').split('\n').filter(Boolean)
  if (containers.length > 0) docker('rm', '--force', '--volumes', ...containers)
  const volumes = docker('volume', 'ls', '--quiet').split('\n').filter(Boolean)
  if (volumes.length > 0) docker('volume', 'rm', '--force', ...volumes)
  docker('network', 'prune', '--force')
}
