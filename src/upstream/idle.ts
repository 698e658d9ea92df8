/** An item of an IdleList; the fields are the list's own. */
export interface IdleItem {
  idlePrev: IdleItem | null
  idleNext: IdleItem | null
  /** Of the last touch, by the clock, -1 when not in the list. */
  idleSince: number
}

/** Items in the order of their last touch; every operation costs the same however many there are. */
export class IdleList<T extends IdleItem> {
  size = 0
  #oldest: IdleItem | null = null
  #newest: IdleItem | null = null

  get oldest(): T | null {
    return this.#oldest as T | null
  }

  touch(item: T, now: number): void {
    if (item.idleSince !== -1) this.remove(item)
    item.idleSince = now
    item.idlePrev = this.#newest
    item.idleNext = null
    if (this.#newest === null) this.#oldest = item
    else this.#newest.idleNext = item
    this.#newest = item
    this.size++
  }

  remove(item: T): void {
    if (item.idleSince === -1) return
    if (item.idlePrev === null) this.#oldest = item.idleNext
    else item.idlePrev.idleNext = item.idleNext
    if (item.idleNext === null) this.#newest = item.idlePrev
    else item.idleNext.idlePrev = item.idlePrev
    item.idlePrev = item.idleNext = null
    item.idleSince = -1
    this.size--
  }
}
