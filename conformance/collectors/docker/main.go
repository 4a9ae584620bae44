// Logs lines through Docker's own splunk log driver.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/docker/docker/daemon/logger"
	"github.com/docker/docker/daemon/logger/splunk"
)

func main() {
	url := flag.String("url", "", "the server's address, such as http://127.0.0.1:8080")
	token := flag.String("token", "", "the collector's token")
	format := flag.String("format", "inline", "inline, json or raw")
	zipped := flag.Bool("gzip", false, "whether to pack bodies")
	count := flag.Int("count", 100, "how many lines")
	flag.Parse()
	if err := log(*url, *token, *format, *zipped, *count); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func log(url, token, format string, zipped bool, count int) error {
	driver, err := splunk.New(logger.Info{
		Config: map[string]string{
			"splunk-url":    url,
			"splunk-token":  token,
			"splunk-format": format,
			"splunk-gzip":   strconv.FormatBool(zipped),
			"splunk-index":  "main",
		},
		ContainerID:   "0123456789ab",
		ContainerName: "/web",
	})
	if err != nil {
		return err
	}
	for n := range count {
		message := logger.NewMessage()
		message.Line = []byte(fmt.Sprintf(`{"number":%d}`, n))
		message.Source = "stdout"
		message.Timestamp = time.Unix(1789547400, int64(n)*1_000_000)
		if err := driver.Log(message); err != nil {
			return err
		}
	}
	return driver.Close()
}
