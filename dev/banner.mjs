/** What a person is told when the platform is ready: address, login, git remote, and the next two commands. */
export function banner({ address, user, firstLogin, device }) {
  const host = address.replace('://', `://${user}@`)
  const login = firstLogin
    ? `${firstLogin.email}  ·  password  ${firstLogin.password}   (shown this once)`
    : `user ${user}  ·  password as shown at the first start`
  return `
  Copal is ready.

    Address      ${address}
    Login        ${login}
    Git remote   ${host}/git/${user}/hello.git
${device ? '\n  A virtual device is on its way in the fleet hello; the first time its images are made, which takes some minutes.\n' : ''}
  Next, in a folder with a Dockerfile under git (or try examples/node):

    git remote add copal ${host}/git/${user}/hello.git
    git push copal HEAD:main

  Ctrl-C stops everything; nothing is lost.
`
}
