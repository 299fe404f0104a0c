import { spawn, execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { table, type Proof } from './proof.ts'

const root = join(import.meta.dirname, '../..')
// Addresses that are nobody's (RFC 5737): the new machine's own network, behind this machine's address.
const [outside, inside] = ['198.51.100.1', '198.51.100.2']

const seconds = (ms: number) => (ms / 1000).toFixed(1)

export const freshMachine: Proof = {
  title: 'The two commands on a fresh machine',
  claim: `A Debian 13 made for this (its smallest set of packages, and Node.js 20, npm and git as Debian has them), in namespaces of its own:
network, processes, files. In a clean clone \`npm start\` installs what is missing and comes up with a virtual device; what it prints to type next is
typed, and the example answers; Ctrl-C leaves no process behind; a second start knows all again. Then \`npm test\` passes.`,
  async run(_times, say) {
    // Images, layers and volumes: too much for a small /tmp.
    const folder = await mkdtemp('/var/tmp/copal-fresh-')
    const name = `copal-fresh-${process.pid}`
    try {
      await makeMachine(folder, say)
      using _network = new Network(name)
      const steps = await live(folder, name, say)
      return table(
        ['step', 's'],
        steps.map(({ step, ms }) => [step, seconds(ms)]),
      )
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}

async function makeMachine(folder: string, say: (line: string) => void): Promise<void> {
  say('making a Debian 13 …')
  const packages = ['ca-certificates', 'git', 'iproute2', 'nodejs', 'npm', 'procps']
  execFileSync(
    'mmdebstrap',
    ['--variant=minbase', '--quiet', `--include=${packages.join(',')}`, 'trixie', join(folder, 'root')],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, TMPDIR: '/var/tmp' } },
  )
  // How this machine reaches the networks outside.
  for (const file of ['/etc/resolv.conf', '/etc/ssl/certs/ca-certificates.crt'])
    await cp(file, join(folder, 'root', file), { dereference: true })
  await mkdir(join(folder, 'root/opt'), { recursive: true })
  execFileSync('git', [
    'clone',
    '--quiet',
    '--bare',
    '--no-hardlinks',
    root,
    join(folder, 'root/opt/copal.git'),
  ])
  await writeFile(join(folder, 'root/opt/newcomer.sh'), newcomer)
}

/** A network of its own that reaches outside through this machine. */
class Network implements Disposable {
  readonly name: string
  constructor(name: string) {
    this.name = name
    const end = `${name.slice(-8)}-out`
    ip('netns', 'add', name)
    ip('link', 'add', end, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    ip('addr', 'add', `${outside}/30`, 'dev', end)
    ip('link', 'set', end, 'up')
    ip('-n', name, 'addr', 'add', `${inside}/30`, 'dev', 'eth0')
    for (const each of ['lo', 'eth0']) ip('-n', name, 'link', 'set', each, 'up')
    ip('-n', name, 'route', 'add', 'default', 'via', outside)
    execFileSync('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1'])
    for (const rule of rules) execFileSync('iptables', ['-I', ...rule])
  }
  [Symbol.dispose](): void {
    for (const rule of rules) execFileSync('iptables', ['-D', ...rule])
    ip('netns', 'del', this.name)
  }
}

const ip = (...args: string[]) => execFileSync('ip', args)
const rules = [
  ['FORWARD', '-s', inside, '-j', 'ACCEPT'],
  ['FORWARD', '-d', inside, '-j', 'ACCEPT'],
  ['POSTROUTING', '-t', 'nat', '-s', inside, '-j', 'MASQUERADE'],
]

interface Step {
  step: string
  ms: number
}

/** Runs `newcomer` as the first process of the machine; with it, all end. */
function live(folder: string, name: string, say: (line: string) => void): Promise<Step[]> {
  const place = join(folder, 'root')
  const enter = `mount --bind ${place} ${place} && cd ${place} && mkdir -p old && pivot_root . old
    mount -t proc proc /proc && mount --rbind /old/sys /sys && mount --rbind /old/dev /dev && mount -t tmpfs tmpfs /run
    mount --make-rprivate /old && umount -l /old
    exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LANG=C.UTF-8 \\
      NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt bash /opt/newcomer.sh`
  const child = spawn(
    'nsenter',
    [
      `--net=/run/netns/${name}`,
      'unshare',
      '--mount',
      '--pid',
      '--fork',
      '--uts',
      '--ipc',
      '--kill-child',
      'sh',
      '-ec',
      enter,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  // With the first process all others go, and what was made for them is taken away.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill('SIGKILL'))
  const steps: Step[] = []
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      const [, ms, step] = /^STEP (\d+) (.*)$/.exec(line) ?? []
      if (step) steps.push({ step, ms: Number(ms) })
      say(step ? `${step}: ${seconds(Number(ms))} s` : line)
    }
  })
  return new Promise((done, failed) =>
    child.once('exit', (code) =>
      code === 0 ? done(steps) : failed(new Error(`the newcomer gave up (exit code ${code})`)),
    ),
  )
}

/** What a newcomer types, in order. Times are ms. */
const newcomer = `set -eu
now() { date +%s%3N; }
fail() { echo "FAILED: $1"; tail -n 60 /root/start.log; exit 1; }
until_says() { # pattern, seconds
  for _ in $(seq $(($2 * 10))); do grep -qE "$1" /root/start.log && return; kill -0 $parent 2>/dev/null || fail "npm start ended"; sleep 0.1; done
  fail "npm start does not say: $1"
}
start() { # seconds
  begun=$(now); : > /root/start.log
  setsid npm start >> /root/start.log 2>&1 & parent=$! # a group of its own, as from a terminal
  until_says 'Copal is ready' $1
}
cd /root; export GIT_TERMINAL_PROMPT=0 COPAL_ADMIN_PASSWORD=newcomer-2026
git clone -q file:///opt/copal.git copal; cd copal
start 600; echo "STEP $(($(now) - begun)) npm start, until it is ready: packages and Docker Engine are installed"
until_says 'is online' 900; echo "STEP $(($(now) - begun)) the same, until the virtual device is online: images for it are made"
remote=$(sed -n 's/.*git remote add copal //p' /root/start.log); port=$(sed -nE 's/.*Its port 80: (http[^ ]*).*/\\1/p' /root/start.log)
answers() { node -e 'const [url, words] = process.argv.slice(1); const end = Date.now() + 300000; for (;;) { try { if ((await (await fetch(url)).text()).includes(words)) break } catch {} if (Date.now() > end) process.exit(1); await new Promise(r => setTimeout(r, 100)) }' --input-type=module "$1" "$2" || fail "no answer"; }
cp -r examples/node /root/hello; cd /root/hello; git init -q -b main; git add -A
git -c user.name=Newcomer -c user.email=newcomer@example.test commit -q -m first
git remote add copal "$remote"
begun=$(now); git -c credential.helper='!f() { echo password=newcomer-2026; }; f' push copal HEAD:main > /root/push.log 2>&1 || { cat /root/push.log; fail "git push"; }
answers "$port" 'Hello from'; echo "STEP $(($(now) - begun)) the first git push of examples/node, until it answers: builder and base image are made"
sed -i 's/Hello from/Good evening from/' server.js; git -c user.name=Newcomer -c user.email=newcomer@example.test commit -qam second
begun=$(now); git -c credential.helper='!f() { echo password=newcomer-2026; }; f' push copal HEAD:main > /root/push.log 2>&1 || { cat /root/push.log; fail "git push"; }
answers "$port" 'Good evening from'; echo "STEP $(($(now) - begun)) the second, with one line changed, until it answers"
cd /root/copal
begun=$(now); kill -INT -- -$parent; wait $parent || true
left=$(ps -e -o pid=,args= | grep -vE 'newcomer.sh|ps -e|grep' | grep -v '\\[.*\\]$' || true)
[ -z "$left" ] || { echo "$left"; fail "processes are left behind"; }
echo "STEP $(($(now) - begun)) Ctrl-C, until nothing runs any more"
start 120; echo "STEP $(($(now) - begun)) npm start again, until it is ready"
until_says 'is online' 120; echo "STEP $(($(now) - begun)) the same, until the device is online"
answers "$port" 'Good evening from'; echo "STEP $(($(now) - begun)) the same, until the example answers"
kill -INT -- -$parent; wait $parent || true
begun=$(now); CI=true npm test > /root/test.log 2>&1 || { tail -n 80 /root/test.log; exit 1; }
grep -E '^── .*(passed|FAILED)|^. (tests|fail) ' /root/test.log; echo "STEP $(($(now) - begun)) npm test"
`
