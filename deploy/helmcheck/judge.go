package main

import (
	"bufio"
	"bytes"
	"encoding"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// groups are the API groups that the chart makes objects of. One of another group is refused
// until its types stand here.
var groups = runtime.NewSchemeBuilder(appsv1.AddToScheme, corev1.AddToScheme, policyv1.AddToScheme)

// judge holds manifests against the types of the Kubernetes API, as a server does that is told to
// be strict: kinds and fields that do not exist, fields that stand there twice, values of another
// type, and fields that must be there and are not. It returns how many objects there are.
func judge(manifests []byte) (objects int, err error) {
	scheme := runtime.NewScheme()
	if err := groups.AddToScheme(scheme); err != nil {
		return 0, err
	}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	var problems []error
	for in := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifests))); ; objects++ {
		text, err := in.Read()
		if errors.Is(err, io.EOF) {
			return objects, errors.Join(problems...)
		} else if err != nil {
			return objects, errors.Join(append(problems, err)...)
		}
		object, kind, err := strict.Decode(text, nil, nil)
		if err != nil {
			problems = append(problems, fmt.Errorf("object %d, %v: %w", objects+1, kind, err))
			continue
		}
		for _, field := range missing("", reflect.ValueOf(object).Elem()) {
			problems = append(problems, fmt.Errorf("object %d, %v: %s is missing", objects+1, kind, field))
		}
	}
}

// missing are the fields of v, an addressable value, that must be there and are not; path is
// where v stands.
//
// Why the tags: Kubernetes makes the schema that a server publishes of these types, and a field
// without omitempty is one that must be there.
func missing(path string, v reflect.Value) (fields []string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return missing(path, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			fields = append(fields, missing(fmt.Sprintf("%s[%d]", path, i), v.Index(i))...)
		}
	case reflect.Struct:
		switch v.Addr().Interface().(type) {
		case stdjson.Unmarshaler, encoding.TextUnmarshaler:
			return nil // a quantity, a time: it reads itself
		}
		for i := range v.NumField() {
			name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			switch inner := v.Field(i); {
			case name == "": // its fields stand beside the others
				fields = append(fields, missing(path, inner)...)
			case !inner.IsZero():
				fields = append(fields, missing(path+"."+name, inner)...)
			case !strings.Contains(options, "omit"):
				fields = append(fields, path+"."+name)
			}
		}
	}
	return fields
}
