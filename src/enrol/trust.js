// The live test of the enrolment page. Every word shown is in the page; here it is only chosen which.
{
  const box = document.getElementById('trust')
  const { open, probe, expect } = box.dataset
  const everyMs = 3000
  const forMs = 5 * 60_000
  const validMs = 14 * 60_000
  const loadedAt = Date.now()
  let timer = 0
  let running = false

  const show = state => {
    for (const part of box.querySelectorAll('[data-when]')) part.hidden = part.dataset.when !== state
    box.dataset.state = state
  }

  /** First asks the gateway to open this device's next connection to this host, then makes one. */
  const ask = async () => {
    const asked = await fetch(open, { method: 'POST', headers: { Accept: '*/*' }, cache: 'no-store' })
    if (!asked.ok) return 'other'
    try {
      const answer = await fetch(probe, { cache: 'no-store', credentials: 'omit' })
      return answer.ok && (await answer.text()).trim() === expect ? 'yes' : 'other'
    } catch {
      return 'no'
    }
  }

  const attempt = async () => {
    if (running) return
    running = true
    clearTimeout(timer)
    show(await ask().catch(() => 'other'))
    running = false
    if (box.dataset.state !== 'yes' && Date.now() - loadedAt < forMs) timer = setTimeout(again, everyMs)
  }
  const again = () => {
    if (document.visibilityState === 'visible' && box.dataset.state !== 'yes') void attempt()
  }

  box.querySelector('form').addEventListener('submit', event => {
    event.preventDefault()
    if (Date.now() - loadedAt > validMs) {
      location.reload()
      return
    }
    show('asking')
    void attempt()
  })
  document.addEventListener('visibilitychange', () => {
    if (Date.now() - loadedAt < forMs) again()
  })
  show('asking')
  void attempt()
}
