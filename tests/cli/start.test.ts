/** `npm start` as a person types it, in the folder of their images. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { finished, root } from "../built.ts";
import { folder, folderWithImage } from "../project/made.ts";

// Windows has no process groups to end npm and what it started together.
test.skipIf(process.platform === "win32")(
  "npm start builds what is missing, opens paths from where it was typed, and serves the page",
  { timeout: 300_000 },
  async () => {
    const { folder: place } = await folderWithImage();
    const args = ["--prefix", root, "start", "--silent", "--", "scan.png", "--no-open", "--port", "0"];
    const child = spawn("npm", args, {
      cwd: place,
      env: { ...process.env, HOME: await folder() },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    onTestFinished(() => endGroup("SIGKILL"));
    const end = finished(child);
    const address = await new Promise<string>((resolve, reject) => {
      child.stdout.once("data", (data) => resolve(`${data}`.trim()));
      end.then(({ stderr }) => reject(new Error(`It ended: ${stderr}`)), reject);
    });
    const { origin, hash } = new URL(address);
    const page = await fetch(origin);
    expect([page.status, await page.text()]).toEqual([200, expect.stringMatching(/<script type="module"/)]);
    expect(existsSync(join(root, "dist", "app", "index.html"))).toBe(true);
    const headers = { origin, "x-tendril-token": hash.replace("#token=", "") };
    const { images } = await (await fetch(`${origin}/api/images`, { headers })).json();
    expect(images.map(({ name }: { name: string }) => name)).toEqual(["scan.png"]);
    endGroup("SIGINT");
    expect((await end).stderr).not.toMatch(/^\s+at |defect/m);

    function endGroup(signal: "SIGINT" | "SIGKILL"): void {
      try {
        process.kill(-child.pid!, signal);
      } catch (error) {
        // The group has ended already.
        if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
      }
    }
  },
);
