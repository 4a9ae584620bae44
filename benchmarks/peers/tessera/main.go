// tessera appends the entries of a file to a new Tessera POSIX log and says what that took: the
// peer of `make bench-ledger`. So many adders run at once; each adds its next entry when the index
// of its last one is durable.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	badger "github.com/transparency-dev/tessera/storage/posix/antispam"
	"golang.org/x/mod/sumdb/note"
)

var (
	dir         = flag.String("dir", "", "folder of the log, empty")
	entries     = flag.String("entries", "", "file of entries, each behind its length as uint32, big-endian")
	adders      = flag.Int("adders", 1024, "entries on their way at once")
	batchSize   = flag.Uint("batch-size", 1024, "most entries of one batch")
	batchAge    = flag.Duration("batch-age", 100*time.Millisecond, "longest wait for a batch to fill")
	interval    = flag.Duration("checkpoint-interval", 100*time.Millisecond, "between two checkpoints")
	deduplicate = flag.Bool("antispam", false, "keep the persistent index of duplicates")
	sample      = flag.Int("sample", 64, "of so many entries one is followed to its checkpoint")
	wait        = flag.Duration("wait", 5*time.Minute, "for everything")
)

// Report is what it took; it is printed as JSON. Latencies are milliseconds from calling Add.
type Report struct {
	Entries           int     `json:"entries"`
	DurableSeconds    float64 `json:"durable_seconds"`
	IntegratedSeconds float64 `json:"integrated_seconds"`
	PublishedSeconds  float64 `json:"published_seconds"`
	Index             Spread  `json:"index"`
	Published         Spread  `json:"published"`
	Pushbacks         int64   `json:"pushbacks"`
}

// Spread is of milliseconds.
type Spread struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// timings are gathered by many.
type timings struct {
	mu   sync.Mutex
	each []time.Duration
}

func (t *timings) add(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.each = append(t.each, took)
}

func (t *timings) spread() Spread {
	slices.Sort(t.each)
	at := func(share float64) float64 {
		if len(t.each) == 0 {
			return 0
		}
		place := min(len(t.each)-1, int(float64(len(t.each))*share))
		return float64(t.each[place]) / float64(time.Millisecond)
	}
	return Spread{at(0.5), at(0.99), at(1)}
}

func main() {
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), *wait)
	defer cancel()
	payload := readEntries(*entries)
	appender, shutdown, reader := open(ctx)
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 10*time.Millisecond)

	var index, published timings
	var pushbacks atomic.Int64
	var adding, following sync.WaitGroup
	next := make(chan int, len(payload))
	for number := range payload {
		next <- number
	}
	close(next)
	start := time.Now()
	for range *adders {
		adding.Add(1)
		go func() {
			defer adding.Done()
			for number := range next {
				began := time.Now()
				found := add(ctx, appender, payload[number], &pushbacks)
				index.add(time.Since(began))
				if number%*sample == 0 {
					following.Add(1)
					go func() {
						defer following.Done()
						_, _, err := awaiter.Await(ctx, func() (tessera.Index, error) { return found, nil })
						must(err)
						published.add(time.Since(began))
					}()
				}
			}
		}()
	}
	integrated := make(chan time.Duration, 1)
	go func() { integrated <- awaitSize(ctx, reader.IntegratedSize, uint64(len(payload)), start) }()
	adding.Wait()
	report := Report{Entries: len(payload), DurableSeconds: time.Since(start).Seconds()}
	report.IntegratedSeconds = (<-integrated).Seconds()
	following.Wait()
	report.PublishedSeconds = awaitSize(ctx, publishedSize(reader), uint64(len(payload)), start).Seconds()
	report.Index, report.Published = index.spread(), published.spread()
	report.Pushbacks = pushbacks.Load()
	must(shutdown(ctx))
	must(json.NewEncoder(os.Stdout).Encode(report))
}

// open makes the log, with a key of its own.
func open(ctx context.Context) (*tessera.Appender, func(context.Context) error, tessera.LogReader) {
	skey, _, err := note.GenerateKey(nil, "tessera.local/bench")
	must(err)
	signer, err := note.NewSigner(strings.TrimSpace(skey))
	must(err)
	driver, err := posix.New(ctx, posix.Config{Path: filepath.Join(*dir, "log")})
	must(err)
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithBatching(*batchSize, *batchAge).
		WithCheckpointInterval(*interval)
	if *deduplicate {
		index, err := badger.NewAntispam(ctx, filepath.Join(*dir, "antispam"), badger.AntispamOpts{})
		must(err)
		options = options.WithAntispam(tessera.DefaultAntispamInMemorySize, index)
	}
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	must(err)
	return appender, shutdown, reader
}

// add adds one entry and waits until its index is durable; a log that pushes back is asked again.
func add(ctx context.Context, appender *tessera.Appender, data []byte, pushbacks *atomic.Int64) tessera.Index {
	for {
		found, err := appender.Add(ctx, tessera.NewEntry(data))()
		if err == nil {
			return found
		}
		if !errors.Is(err, tessera.ErrPushback) {
			log.Fatal(err)
		}
		pushbacks.Add(1)
		time.Sleep(time.Millisecond)
	}
}

// awaitSize waits until the log is of this size; how long after start.
func awaitSize(ctx context.Context, size func(context.Context) (uint64, error), wanted uint64, start time.Time) time.Duration {
	for ctx.Err() == nil {
		now, err := size(ctx)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			log.Fatal(err)
		}
		if now >= wanted {
			return time.Since(start)
		}
		time.Sleep(2 * time.Millisecond)
	}
	log.Fatal("the log did not grow to its size in time")
	return 0
}

func publishedSize(reader tessera.LogReader) func(context.Context) (uint64, error) {
	return func(ctx context.Context) (uint64, error) {
		checkpoint, err := reader.ReadCheckpoint(ctx)
		if err != nil {
			return 0, err
		}
		var origin string
		var size uint64
		_, err = fmt.Sscanf(string(checkpoint), "%s\n%d", &origin, &size)
		return size, err
	}
}

func readEntries(path string) [][]byte {
	file, err := os.Open(path)
	must(err)
	defer file.Close()
	from := bufio.NewReader(file)
	var found [][]byte
	for {
		var size uint32
		err := binary.Read(from, binary.BigEndian, &size)
		if err == io.EOF {
			return found
		}
		must(err)
		data := make([]byte, size)
		_, err = io.ReadFull(from, data)
		must(err)
		found = append(found, data)
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
