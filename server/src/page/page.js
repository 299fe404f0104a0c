// A thin client of the public API; the dashboard comes later. What devices report is hostile until shown: text nodes only.
const byId = (id) => document.getElementById(id)
let token = sessionStorage.getItem('token')

byId('login').addEventListener('submit', async (event) => {
  event.preventDefault()
  const { username, password } = Object.fromEntries(new FormData(event.target))
  const answer = await fetch('/login_', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username, password }),
  })
  byId('refused').textContent = answer.ok
    ? ''
    : ((await answer.json().catch(() => ({}))).message ?? `the platform answered ${answer.status}`)
  if (!answer.ok) return
  token = await answer.text()
  sessionStorage.setItem('token', token)
  event.target.reset()
  show()
})
byId('logout').addEventListener('click', logOut)

function logOut() {
  token = null
  sessionStorage.removeItem('token')
  show()
}

async function api(path) {
  const answer = await fetch(path, { headers: { Authorization: `Bearer ${token}` } })
  if (answer.status === 401) {
    logOut()
    throw new Error('logged out')
  }
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`)
  return answer.json()
}

async function show() {
  for (const id of ['fleets', 'next', 'logout']) byId(id).hidden = !token
  byId('login').hidden = Boolean(token)
  if (!token) return
  const [me, { d: fleets }] = await Promise.all([
    api('/actor/v1/whoami'),
    api(
      "/v7/application?$select=id,slug,app_name&$filter=is_directly_accessible_by__user/any(dau:1 eq 1) and is_of__class eq 'fleet'&$orderby=slug asc" +
        '&$expand=is_for__device_type($select=slug),should_be_running__release($select=commit,raw_version)' +
        ',owns__device($select=uuid,device_name,is_online,overall_status,overall_progress;$expand=is_running__release($select=commit,raw_version);$orderby=device_name asc;$top=100)',
    ),
  ])
  byId('fleets').replaceChildren(
    ...(fleets.length > 0 ? fleets.flatMap(fleetView) : [element('p', 'There is no fleet yet.', 'empty')]),
  )
  const slug = fleets[0]?.slug ?? `${me.username}/hello`
  const remote = `${location.protocol}//${me.username}@${location.host}/git/${slug}.git`
  byId('commands').textContent = `git remote add copal ${remote}\ngit push copal HEAD:main`
}

function fleetView(fleet) {
  const release = fleet.should_be_running__release[0]
  const heading = element('h2', fleet.slug)
  const facts = element(
    'p',
    `${fleet.is_for__device_type[0].slug} · ${release ? `release ${release.raw_version}, commit ${release.commit.slice(0, 7)}` : 'nothing pushed yet'}`,
    'empty',
  )
  if (fleet.owns__device.length === 0) return [heading, facts, element('p', 'No devices.', 'empty')]
  const table = document.createElement('table')
  const head = table.createTHead().insertRow()
  head.append(...['Device', 'Status', 'Runs', 'UUID'].map((text) => element('th', text)))
  const body = table.createTBody()
  for (const device of fleet.owns__device) {
    const runs = device.is_running__release[0]
    const progress = device.overall_progress === null ? '' : ` ${device.overall_progress} %`
    body
      .insertRow()
      .append(
        element('td', device.device_name),
        element('td', device.overall_status + progress, device.is_online ? 'online' : 'offline'),
        element('td', runs ? `${runs.raw_version} (${runs.commit.slice(0, 7)})` : '–', 'code'),
        element('td', device.uuid.slice(0, 7), 'code'),
      )
  }
  return [heading, facts, table]
}

function element(name, text, className = '') {
  const made = document.createElement(name)
  made.textContent = text
  made.className = className
  return made
}

await show()
setInterval(() => token && !document.hidden && show().catch(() => {}), 3000)
