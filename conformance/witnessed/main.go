// witnessed runs a Tessera POSIX log that may publish only what a witness has cosigned: if each
// round of entries is published, the witness speaks C2SP tlog-witness as Tessera understands it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

var (
	dir     = flag.String("dir", "", "folder of the log")
	skey    = flag.String("skey", "", "file with the log's private key")
	vkey    = flag.String("vkey", "", "the log's verifier key")
	policy  = flag.String("policy", "", "file with the witness policy")
	witness = flag.String("witness", "", "the witness's verifier key")
	rounds  = flag.Int("rounds", 8, "checkpoints to be cosigned, at least")
	entries = flag.Int("entries", 50, "entries in each round")
	wait    = flag.Duration("wait", 30*time.Second, "for each round")
)

// Report is what was cosigned; it is printed as JSON.
type Report struct {
	Size     uint64 `json:"size"`
	Cosigned int    `json:"cosigned"`
}

func main() {
	flag.Parse()
	ctx := context.Background()
	signer, err := note.NewSigner(strings.TrimSpace(string(read(*skey))))
	must(err)
	logKey, err := note.NewVerifier(*vkey)
	must(err)
	witnessKey, err := fnote.NewVerifierForCosignatureV1(*witness)
	must(err)
	group, err := tessera.NewWitnessGroupFromPolicy(read(*policy))
	must(err)
	driver, err := posix.New(ctx, posix.Config{HTTPClient: http.DefaultClient, Path: *dir})
	must(err)
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithBatching(uint(*entries), 50*time.Millisecond).
		WithCheckpointInterval(100*time.Millisecond).
		WithWitnesses(group, &tessera.WitnessOptions{Timeout: 5 * time.Second})
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	must(err)
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 50*time.Millisecond)

	report := Report{}
	for round := range *rounds {
		limited, cancel := context.WithTimeout(ctx, *wait)
		futures := make([]tessera.IndexFuture, *entries)
		for i := range futures {
			futures[i] = appender.Add(limited, tessera.NewEntry(fmt.Appendf(nil, "%d of %d", i, round)))
		}
		var published []byte
		for _, future := range futures {
			index, checkpoint, err := awaiter.Await(limited, future)
			must(err)
			published = checkpoint
			report.Size = max(report.Size, index.Index+1)
		}
		opened, err := note.Open(published, note.VerifierList(logKey, witnessKey))
		must(err)
		if len(opened.Sigs) != 2 {
			log.Fatalf("the published checkpoint lacks a signature:\n%s", published)
		}
		report.Cosigned++
		cancel()
	}
	must(shutdown(ctx))
	must(json.NewEncoder(os.Stdout).Encode(report))
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	must(err)
	return data
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
