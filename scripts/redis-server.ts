/**
 * The `redis-server` that the real-cluster tests need: looks for it, and installs it where that is simple.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

/** The oldest major version that has all the commands which the tests use. */
const OLDEST_MAJOR = 7
const HOW_TO_GET_IT =
  'install it (https://redis.io/docs/latest/operate/oss_and_stack/install/) so that `redis-server` is on the PATH'

/** Whether there is a server to test with, and if not, why. */
export interface ServerState {
  readonly usable: boolean
  readonly reason: string
}

/** What to do about a server: `run` the tests with it, `install` it first, `skip` those tests, or `fail`. */
export interface ServerPlan {
  readonly action: 'run' | 'install' | 'skip' | 'fail'
  readonly message: string
}

/** The system as {@link planServer} sees it. */
export interface Surroundings {
  readonly state: ServerState
  /** Text of /etc/os-release; empty where there is none. */
  readonly osRelease: string
  /** Whether this process may install packages. */
  readonly root: boolean
  /** Whether a missing server is an error (`CI=true`). */
  readonly ci: boolean
}

/** Asks the `redis-server` on the PATH for its version. */
export function serverState(): ServerState {
  const { error, stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
  if (error !== undefined) {
    return {
      usable: false,
      reason: `needs redis-server ${OLDEST_MAJOR} or newer: ${HOW_TO_GET_IT}`,
    }
  }
  const version = /\bv=((\d+)[.\d]*)/.exec(stdout)
  if (Number(version?.[2]) >= OLDEST_MAJOR) return { usable: true, reason: '' }
  const found = version?.[1] ?? 'of unknown version'
  return {
    usable: false,
    reason: `needs redis-server ${OLDEST_MAJOR} or newer, found ${found}: ${HOW_TO_GET_IT}`,
  }
}

/** Decides what to do; `installed` says that installing was tried already. */
export function planServer(surroundings: Surroundings, installed = false): ServerPlan {
  const { state, osRelease, root, ci } = surroundings
  if (state.usable) return { action: 'run', message: '' }
  const debian = /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(osRelease)
  if (debian && root && !installed) {
    return { action: 'install', message: 'redis-server is missing: installing it with apt-get' }
  }
  return ci
    ? { action: 'fail', message: `real-cluster tests cannot run: ${state.reason}` }
    : { action: 'skip', message: `real-cluster tests are skipped: ${state.reason}` }
}

function lookAround(): Surroundings {
  const file = '/etc/os-release'
  return {
    state: serverState(),
    osRelease: existsSync(file) ? readFileSync(file, 'utf8') : '',
    root: process.getuid?.() === 0,
    ci: process.env.CI === 'true',
  }
}

/** Makes a server available if it can; prints at most one line of its own. False when the tests must not run. */
export function provideServer(): boolean {
  let plan = planServer(lookAround())
  if (plan.action === 'install') {
    console.log(plan.message)
    installServer()
    plan = planServer(lookAround(), true)
  }
  if (plan.message !== '') console.log(plan.message)
  return plan.action !== 'fail'
}

/** Packages ask this file whether their service may start; 101 is "no". Tests start their own servers. */
const SERVICE_POLICY = '/usr/sbin/policy-rc.d'

function installServer(): void {
  const ownPolicy = !existsSync(SERVICE_POLICY)
  if (ownPolicy) writeFileSync(SERVICE_POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const run = (...args: string[]) =>
      spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
    if (run('update', '-qq')) run('install', '-y', '-qq', '--no-install-recommends', 'redis-server')
  } finally {
    if (ownPolicy) rmSync(SERVICE_POLICY)
  }
}
